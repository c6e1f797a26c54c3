//! Finds the route of a request in the table of the API.

use slipway_api::routes::ROUTES;
pub(crate) use slipway_api::routes::Route;

/// The routes of the API.
pub(crate) fn router() -> &'static [Route] {
    &ROUTES
}

/// The route of a request. A path without parameters precedes one with parameters.
pub(crate) fn route(method: &str, path: &str) -> Option<&'static Route> {
    let mut matching: Vec<_> = router()
        .iter()
        .filter(|route| route.method == method && matches(route.path, path))
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
