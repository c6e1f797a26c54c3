//! Finds the function of a request.

use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::lambda::Lambda;

/// A method, a path such as `/files/{id}`, and the function that serves them.
#[derive(Clone, Debug)]
pub struct GatewayRoute {
    /// The HTTP method.
    pub method: &'static str,
    /// The path. A part in braces stands for any text without a slash.
    pub path: &'static str,
    /// The integration.
    pub function: Arc<Lambda>,
}

/// "API Gateway selects the route with the most-specific match": paths without variables come
/// first.
pub(super) fn most_specific_first(routes: &mut [GatewayRoute]) {
    routes.sort_by_key(|route| route.path.matches('{').count());
}

/// The first matching route.
pub(super) fn find<'a>(
    routes: &'a [GatewayRoute],
    method: &Method,
    path: &str,
) -> Option<&'a GatewayRoute> {
    routes
        .iter()
        .find(|route| route.method == method.as_str() && variables(route.path, path).is_some())
}

/// The values of the variables of `pattern` if `path` matches it.
///
/// "API Gateway decodes URL-encoded request parameters before passing them to your backend
/// integration". Routes are matched after that, so an encoded slash separates two parts as a plain
/// slash does.
pub(super) fn variables<'a>(pattern: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) => {
                let name = wanted.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
                match name {
                    Some(name) if !given.is_empty() => found.push((name, given.to_owned())),
                    None if wanted == given => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let found = variables(pattern, path);
        let expected = expected.map(|pairs| {
            let pairs = pairs.iter();
            pairs
                .map(|&(name, value)| (name, value.to_owned()))
                .collect()
        });
        assert_eq!(found, expected, "{pattern} {path}");
    }

    #[test]
    fn a_part_in_braces_stands_for_one_decoded_part() {
        check("/files", "/files", Some(&[]));
        check("/files/{id}", "/files/a", Some(&[("id", "a")]));
        check("/files/{id}", "/files/a%20%C3%BC", Some(&[("id", "a ü")]));
        check("/files/{id}", "/files/a%252Fb", Some(&[("id", "a%2Fb")]));
        for path in ["/files", "/files/", "/files/a/b", "/files/a%2Fb", "/file/a"] {
            check("/files/{id}", path, None);
        }
    }

    #[test]
    fn the_most_specific_route_wins() {
        let function = Arc::new(Lambda::without_environment());
        let route = |path: &'static str| GatewayRoute {
            method: "POST",
            path,
            function: Arc::clone(&function),
        };
        let mut routes = [route("/files/{id}"), route("/files/delete")];
        most_specific_first(&mut routes);
        let found = |path| find(&routes, &Method::POST, path).map(|route| route.path);
        assert_eq!(found("/files/delete"), Some("/files/delete"));
        assert_eq!(found("/files/other"), Some("/files/{id}"));
        assert!(find(&routes, &Method::GET, "/files/delete").is_none());
    }
}
