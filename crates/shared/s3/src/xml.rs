//! Reads the part of XML that S3's answers need: elements without attributes, whose text needs no
//! unescaping.

/// The text of the first element `name` in `xml`.
pub(crate) fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

/// The content of each element `name` in `xml`.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (opening, closing) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&opening)?;
        let (within, behind) = after.split_once(&closing)?;
        rest = behind;
        Some(within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_their_order() {
        let xml = "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><E><K>a</K><C/></E><F>&lt;E></F>\n<E><K></K></E><E><K>b";
        let found: Vec<&str> = elements(xml, "E").collect();
        assert_eq!(found, ["<K>a</K><C/>", "<K></K>"]);
        assert_eq!(text(found[0], "K"), Some("a"));
        assert_eq!(text(found[1], "K"), Some(""));
        assert_eq!(text(xml, "C"), None);
    }
}
