//! The roots in certs/: each has the file name by which OpenSSL finds it, and is listed.

use std::path::Path;

use slipway_testkit::root_file_name;

use crate::spec::read;

#[test]
fn every_root_is_named_by_its_hash() {
    let readme = read("certs/README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../certs/roots");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("roots").flatten() {
        let name = file.file_name().into_string().expect("a name");
        let pem = std::fs::read(file.path()).expect("a file");
        assert_eq!(name, root_file_name(&pem));
        assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        count += 1;
    }
    assert_eq!(readme.matches(".0` |").count(), count, "listed and there");
    // It must be PEM as well.
    assert!(!readme.contains("-----BEGIN"));
}
