//! What `GET /files` lists: its parameters, which of them exclude each other, and the cursors that
//! belong to them.

use slipway_api::{Request, page};
use slipway_core::limits::DEFAULT_PAGE_FILES;
use slipway_core::{ContentType, Error, FileName, ListCursors, ListOrder, RuleName};
use slipway_db::{Filter, FolderPage, NamePage, Page};

use crate::name_query::NameQuery;

/// A page of one of the lists.
#[derive(Debug)]
pub(crate) enum Query {
    /// Newest first.
    Newest(Page),
    /// Newest first, of the files with a text in their name.
    Search(Page, NameQuery),
    /// By name.
    Name(NamePage),
    /// By name, with folders.
    Folder(FolderPage),
}

impl Query {
    /// Fails with `invalid_request` unless each parameter is valid and fits the others.
    pub(crate) fn read(request: &Request) -> Result<(Self, ListCursors), Error> {
        let limit = page::limit(request, DEFAULT_PAGE_FILES)?;
        let cursor = request.query("cursor")?;
        let content_type = content_type_prefix(request)?;
        let rule = rule(request)?;
        let prefix = part_of_name(request, "prefix")?;
        let q = part_of_name(request, "q")?;
        let by_name = only(request, "sort", "name")?;
        let delimited = only(request, "delimiter", "/")?;

        if q.is_some() && (prefix.is_some() || delimited || by_name) {
            return Err(Error::invalid_request(
                "q lists newest first. Leave out prefix, delimiter and sort, or q.",
            ));
        }
        if delimited && (content_type.is_some() || rule.is_some()) {
            return Err(Error::invalid_request(
                "A list with folders has no other filter. Leave out contentType and rule, or delimiter.",
            ));
        }
        let order = if by_name || delimited || prefix.is_some() {
            ListOrder::Name
        } else {
            ListOrder::Newest
        };
        let filters: Vec<_> = [
            ("contentType", content_type),
            ("rule", rule.as_ref().map(RuleName::as_str)),
            ("prefix", prefix),
            ("delimiter", delimited.then_some("/")),
            ("q", q),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
        let cursors = ListCursors::new(order, &filters);
        let filter = Filter {
            content_type_prefix: content_type.map(str::to_owned),
            rule,
        };
        let query = match order {
            ListOrder::Newest => {
                let before = cursor.map(|text| cursors.newest(text)).transpose()?;
                let page = Page {
                    limit,
                    before,
                    filter,
                };
                match q {
                    Some(q) => Self::Search(page, NameQuery::new(q)),
                    None => Self::Newest(page),
                }
            }
            ListOrder::Name => {
                let after = cursor.map(|text| cursors.by_name(text)).transpose()?;
                let prefix = prefix.unwrap_or_default().to_owned();
                if delimited {
                    Self::Folder(FolderPage {
                        limit,
                        prefix,
                        after,
                    })
                } else {
                    Self::Name(NamePage {
                        limit,
                        prefix,
                        after,
                        filter,
                    })
                }
            }
        };
        Ok((query, cursors))
    }
}

fn content_type_prefix(request: &Request) -> Result<Option<&str>, Error> {
    // Nothing else is in a stored type, and Postgres knows no NUL.
    let plain = |text: &str| {
        text.len() <= ContentType::MAX_BYTES
            && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    };
    match request.query("contentType")? {
        None | Some("") => Ok(None),
        Some(text) if plain(text) => Ok(Some(text)),
        Some(_) => Err(Error::invalid_request(
            "contentType must be the beginning of a media type, such as image/.",
        )),
    }
}

/// Any well-formed name: rules come and go, and their files stay.
fn rule(request: &Request) -> Result<Option<RuleName>, Error> {
    let Some(name) = request.query("rule")? else {
        return Ok(None);
    };
    RuleName::parse(name).map(Some).ok_or_else(|| {
        Error::invalid_request("rule must be the name of a rule: 1 to 32 of a-z, 0-9 and -.")
    })
}

/// A text that names may begin with, or contain.
fn part_of_name<'a>(request: &'a Request, parameter: &str) -> Result<Option<&'a str>, Error> {
    let Some(text) = request.query(parameter)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > FileName::MAX_BYTES {
        return Err(Error::invalid_request(format!(
            "{parameter} must have at most {} bytes of UTF-8; this one has {}.",
            FileName::MAX_BYTES,
            text.len()
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid_request(format!(
            "{parameter} must not contain control characters such as line breaks or NUL."
        )));
    }
    Ok(Some(text))
}

/// Whether the parameter is given; it has one value.
fn only(request: &Request, parameter: &str, value: &str) -> Result<bool, Error> {
    match request.query(parameter)? {
        None => Ok(false),
        Some(given) if given == value => Ok(true),
        Some(_) => Err(Error::invalid_request(format!(
            "{parameter} must be {value}."
        ))),
    }
}
