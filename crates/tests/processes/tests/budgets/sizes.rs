//! The sizes of the binaries, which Lambda loads at each cold start.

use std::path::Path;

use crate::within;

/// The size of `bootstrap` in bytes, stripped, by the function's name in the template.
const BUDGETS: [(&str, u64); 12] = [
    ("DeleteFunction", 5_850_000),
    ("FilesFunction", 5_900_000),
    ("MaintainFunction", 7_770_000),
    ("MigrateFunction", 5_020_000),
    ("MultipartFunction", 7_990_000),
    ("NotifyFunction", 5_100_000),
    ("PresignFunction", 2_000_000),
    ("PresignQuotaFunction", 5_540_000),
    ("PreviewFunction", 6_950_000),
    ("RecordUploadFunction", 5_320_000),
    ("RenameFunction", 5_800_000),
    ("SaveMetadataFunction", 6_280_000),
];

/// The folder that `sam build` writes.
pub(crate) fn built() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.aws-sam/build")
}

#[test]
fn each_binary_stays_within_its_size_budget() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("LEFT OUT: the size of each binary, since the budgets are those of x86_64");
        return;
    }
    for (function, budget) in BUDGETS {
        let path = built().join(function).join("bootstrap");
        let metadata = std::fs::metadata(&path).expect("run `sam build` first");
        within(function, metadata.len(), budget);
    }
    let functions = std::fs::read_dir(built()).expect("run `sam build` first");
    let functions = functions
        .flatten()
        .filter(|entry| entry.path().join("bootstrap").is_file());
    assert_eq!(
        functions.count(),
        BUDGETS.len(),
        "a function without a budget"
    );
}
