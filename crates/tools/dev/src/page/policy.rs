//! The page's Content-Security-Policy: what it may load, and which origins it may call.

use std::collections::BTreeSet;

/// Directives for frames, plugins and forms, for every page.
const ALWAYS: &str = "object-src 'none'; base-uri 'none'; form-action 'self'";

/// The origins that the page calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) api: String,
    /// Where files are uploaded and read: the bucket, and the public URL of its files.
    pub(crate) files: BTreeSet<String>,
    /// Where users sign in.
    pub(crate) sign_in: BTreeSet<String>,
}

impl Hosts {
    /// The policy for a header or a meta element. Only the page's own scripts are allowed. Inline
    /// styles are allowed since components set them, and `data:` since components fetch their icons
    /// from it.
    pub(crate) fn policy(&self) -> String {
        let joined = |hosts: &BTreeSet<String>| {
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            hosts.join(" ")
        };
        let files = joined(&self.files);
        let mut connect = BTreeSet::from([self.api.clone()]);
        connect.extend(self.files.iter().chain(&self.sign_in).cloned());
        let connect = joined(&connect);
        format!(
            "default-src 'self'; connect-src 'self' data: {connect}; img-src 'self' data: blob: {files}; \
             media-src 'self' blob: {files}; frame-src {files}; style-src 'self' 'unsafe-inline'; {ALWAYS}"
        )
    }
}

/// The origin of a URL. Only plain characters are allowed: a space or semicolon would end a
/// directive.
pub(crate) fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let known = ["http", "https"].contains(&scheme) && !host.is_empty() && host.chars().all(plain);
    known.then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_of_a_url_is_used() {
        let check = |address: &str, is: Option<&str>| {
            assert_eq!(origin(address).as_deref(), is, "{address}");
        };
        check("https://a.example/b?c", Some("https://a.example"));
        check("http://localhost:3000", Some("http://localhost:3000"));
        check("https://a.example", Some("https://a.example"));
        check("https://a.example; script-src *", None);
        check("https://*", None);
        check("javascript://a", None);
        check("a.example", None);
        check("https:///a", None);
    }

    #[test]
    fn the_policy_has_no_other_origins() {
        let set = |host: &str| BTreeSet::from([host.to_owned()]);
        let hosts = Hosts {
            api: "https://api.example".into(),
            files: set("https://b.s3.example"),
            sign_in: set("https://id.example"),
        };
        assert_eq!(
            hosts.policy(),
            "default-src 'self'; connect-src 'self' data: https://api.example https://b.s3.example https://id.example; \
             img-src 'self' data: blob: https://b.s3.example; media-src 'self' blob: https://b.s3.example; \
             frame-src https://b.s3.example; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; \
             form-action 'self'"
        );
    }
}
