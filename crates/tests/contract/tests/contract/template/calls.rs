//! Who calls what: the source of the crates that ship, read for the calls that need a permission.
//!
//! Calls are matched by name, among the crates that the caller is built from, and by the type where the path names one.
//! That can find a call too many, never one too few, short of a macro that hides it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::LazyLock;

use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, ImplItemFn, ItemFn, ItemImpl, ItemMod, Member,
};

use crate::rules::closure;
use crate::spec::{read, root};

/// A function of the source.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) package: String,
    pub(crate) file: String,
    /// The type that it belongs to, if any.
    pub(crate) owner: Option<String>,
    pub(crate) name: String,
    pub(crate) calls: Vec<Call>,
}

/// A call in it.
#[derive(Debug)]
pub(crate) struct Call {
    /// The type in its path, if it has one.
    owner: Option<String>,
    pub(crate) name: String,
    /// Whether it is an operation of S3.
    operation: bool,
    pub(crate) line: usize,
}

/// The way from a function's own code to a call that needs a permission: file, line and what is called there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) call: String,
}

/// Every call of an SDK operation, or of a signer, that `package` can reach: its name, and the shortest way there.
pub(crate) fn reached(package: &str) -> BTreeMap<String, Vec<Step>> {
    let linked = closure(package);
    let code: Vec<&Code> = source()
        .iter()
        .filter(|code| linked.contains(code.package.as_str()))
        .collect();
    let mut found = BTreeMap::new();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut open: VecDeque<(usize, Vec<Step>)> = VecDeque::new();
    for (at, one) in code.iter().enumerate() {
        if one.package == package {
            seen.insert(at);
            open.push_back((at, Vec::new()));
        }
    }
    while let Some((at, way)) = open.pop_front() {
        let from = code[at];
        for call in &from.calls {
            let mut way = way.clone();
            way.push(Step {
                file: from.file.clone(),
                line: call.line,
                call: shown(call),
            });
            let signs = ["UploadUrls", "ReadUrls"].contains(&call.owner.as_deref().unwrap_or(""));
            if call.operation || signs && call.name == "from_env" {
                found.entry(shown(call)).or_insert(way);
                continue;
            }
            for (to, target) in code.iter().enumerate() {
                let meant = target.name == call.name
                    && (call.owner.is_none() || call.owner == target.owner)
                    && closure(&from.package).contains(target.package.as_str());
                if meant && seen.insert(to) {
                    open.push_back((to, way.clone()));
                }
            }
        }
    }
    found
}

fn shown(call: &Call) -> String {
    match &call.owner {
        Some(owner) => format!("{owner}::{}", call.name),
        None => call.name.clone(),
    }
}

fn source() -> &'static [Code] {
    static SOURCE: LazyLock<Vec<Code>> = LazyLock::new(|| {
        let mut code = Vec::new();
        for package in crate::rules::programs()
            .iter()
            .flat_map(|name| closure(name))
            .collect::<BTreeSet<_>>()
        {
            let crates = root().join("crates");
            let folder = ["functions", "shared"].map(|kind| crates.join(kind).join(package));
            let folder = folder.iter().find(|folder| folder.exists());
            collect(package, &folder.expect("a crate").join("src"), &mut code);
        }
        code
    });
    &SOURCE
}

fn collect(package: &str, folder: &Path, code: &mut Vec<Code>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(package, &path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let root = root().join("crates");
            let file = path
                .strip_prefix(&root)
                .expect("below")
                .display()
                .to_string();
            let text = read(&format!("crates/{file}"));
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let mut reader = Reader {
                package,
                file,
                owner: None,
                inside: None,
                code,
            };
            reader.visit_file(&parsed);
        }
    }
}

struct Reader<'a> {
    package: &'a str,
    file: String,
    owner: Option<String>,
    inside: Option<usize>,
    code: &'a mut Vec<Code>,
}

impl Reader<'_> {
    fn function(&mut self, name: String, inner: impl FnOnce(&mut Self)) {
        self.code.push(Code {
            package: self.package.to_owned(),
            file: self.file.clone(),
            owner: self.owner.clone(),
            name,
            calls: Vec::new(),
        });
        let outer = self.inside.replace(self.code.len() - 1);
        inner(self);
        self.inside = outer;
    }

    fn call(&mut self, call: Call) {
        if let Some(at) = self.inside {
            self.code[at].calls.push(call);
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = self.owner.take();
        if let syn::Type::Path(path) = &*item.self_ty {
            self.owner = path.path.segments.last().map(|last| last.ident.to_string());
        }
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(item.sig.ident.to_string(), |inner| {
            visit::visit_item_fn(inner, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(item.sig.ident.to_string(), |inner| {
            visit::visit_impl_item_fn(inner, item);
        });
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        // `self.s3.head_object(…)`, and of the SDK `self.sdk(…)?.list_parts()`.
        let of_s3 = match &*call.receiver {
            Expr::Field(field) => matches!(&field.member, Member::Named(name) if name == "s3"),
            Expr::Try(tried) => {
                matches!(&*tried.expr, Expr::MethodCall(made) if made.method == "sdk")
            }
            _ => false,
        };
        // Other crates may have fields of that name.
        let operation = of_s3 && self.package == "s3";
        self.call(Call {
            owner: None,
            name: call.method.to_string(),
            operation,
            line: call.method.span().start().line,
        });
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let mut names = path.path.segments.iter().rev();
            if let Some(last) = names.next() {
                let is_type = |name: &String| name.starts_with(char::is_uppercase);
                let owner = names.next().map(|segment| segment.ident.to_string());
                let owner = owner.filter(is_type);
                // `Self::x` is a function of the same type.
                let owner = match owner.as_deref() {
                    Some("Self") => self.owner.clone(),
                    _ => owner,
                };
                self.call(Call {
                    owner,
                    name: last.ident.to_string(),
                    operation: false,
                    line: last.ident.span().start().line,
                });
            }
        }
        visit::visit_expr_call(self, call);
    }
}
