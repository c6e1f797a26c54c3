//! Which function answers: the table that the local emulator is given.

use std::sync::LazyLock;

use crate::spec::read;

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Such as `/files/{id}`.
    pub(crate) path: String,
    /// In capitals.
    pub(crate) method: String,
    /// The function's package and binary.
    pub(crate) function: String,
}

/// `[workspace.metadata.lambda.watch.router]` of the root manifest.
pub(crate) fn router() -> &'static [Route] {
    static ROUTER: LazyLock<Vec<Route>> = LazyLock::new(|| {
        let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
        let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
        let lines = router.as_table().expect("a table").iter();
        lines
            .flat_map(|(path, functions)| {
                functions
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|function| {
                        let text = |name: &str| function[name].as_str().expect(name).to_owned();
                        Route {
                            path: path.clone(),
                            method: text("method"),
                            function: text("function"),
                        }
                    })
            })
            .collect()
    });
    &ROUTER
}

/// The line for a request; a path without a parameter goes before one that has some.
pub(crate) fn route(method: &str, path: &str) -> Option<&'static Route> {
    let mut matching: Vec<_> = router()
        .iter()
        .filter(|route| route.method == method && matches(&route.path, path))
        .collect();
    matching.sort_by_key(|route| route.path.matches('{').count());
    matching.first().copied()
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(wanted, found)| wanted.starts_with('{') && !found.is_empty() || *wanted == found)
}
