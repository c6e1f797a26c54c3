//! `template.yaml` against the code: routes, functions, variables and permissions.

mod configuration;
mod deployment;
mod environment;
mod iam;
mod page;
mod public;
#[cfg(not(target_vendor = "apple"))]
mod roots;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::spec::{operations, read};
use crate::world::router;

/// The template as JSON, with `!Sub x` as `{"Fn::Sub": "x"}`, as CloudFormation parses it.
pub(crate) fn template() -> &'static Value {
    static TEMPLATE: LazyLock<Value> =
        LazyLock::new(|| plain(serde_yaml_ng::from_str(&read("template.yaml")).expect("YAML")));
    &TEMPLATE
}

fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let name = match tag {
                "Ref" | "Condition" => tag.to_owned(),
                other => format!("Fn::{other}"),
            };
            json!({ name: plain(tagged.value) })
        }
        Yaml::Sequence(entries) => entries.into_iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(name, value): (Yaml, Yaml)| {
                (name.as_str().expect("a name").to_owned(), plain(value))
            };
            Value::Object(entries.into_iter().map(entry).collect::<Map<_, _>>())
        }
        other => serde_json::to_value(other).expect("a plain value"),
    }
}

/// The resources of a type, by name.
pub(crate) fn resources(kind: &str) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let all = template()["Resources"].as_object().expect("resources");
    all.iter()
        .filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
}

/// A function of the template: its crate, the name of its resource, its properties.
pub(crate) struct Function {
    pub(crate) package: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) properties: &'static Value,
}

pub(crate) fn functions() -> Vec<Function> {
    let functions = resources("AWS::Serverless::Function").map(|(resource, properties)| {
        let code = properties["CodeUri"].as_str().expect("CodeUri");
        let package = code.strip_prefix("crates/functions/").expect("a crate");
        let build = &template()["Resources"][resource]["Metadata"];
        assert_eq!(build["BuildMethod"], "rust-cargolambda", "{resource}");
        assert_eq!(build["BuildProperties"]["Binary"], package, "{resource}");
        Function {
            package,
            resource,
            properties,
        }
    });
    functions.collect()
}

/// Every alternative that `Fn::If` may choose.
pub(crate) fn alternatives(value: &'static Value) -> Vec<&'static Value> {
    match value.get("Fn::If") {
        Some(choice) => (1..=2).flat_map(|at| alternatives(&choice[at])).collect(),
        None => vec![value],
    }
}

/// A crate that initialises a log is a program for Lambda, and each of them is deployed.
#[test]
fn every_function_is_deployed() {
    let deployed: BTreeSet<_> = functions().iter().map(|one| one.package).collect();
    assert_eq!(deployed, crate::rules::programs());
}

#[test]
fn every_route_agrees_with_the_router_and_openapi() {
    let function = |integration: &str| {
        let uri = &template()["Resources"][integration]["Properties"]["IntegrationUri"];
        let resource = uri["Fn::GetAtt"].as_str().expect("a function");
        let resource = resource.strip_suffix(".Arn").expect("its ARN");
        let mut functions = functions().into_iter();
        let found = functions.find(|one| one.resource == resource);
        found.expect("a function of the template").package
    };
    let mut routes = BTreeMap::new();
    for (name, route) in resources("AWS::ApiGatewayV2::Route") {
        let key = route["RouteKey"].as_str().expect("a route");
        let targets: Vec<_> = alternatives(&route["Target"])
            .into_iter()
            .map(|target| {
                let target = target["Fn::Sub"].as_str().expect("a target");
                let integration = target.strip_prefix("integrations/${").expect(name);
                function(integration.strip_suffix('}').expect(name))
            })
            .collect();
        routes.insert(key, targets);
        // Functions that verify tokens themselves must be reachable without an authorizer.
        assert_eq!(
            route["AuthorizationType"],
            json!({ "Fn::If": ["ByApiGateway", "JWT", "NONE"] }),
            "{name}"
        );
        assert_eq!(
            route["AuthorizerId"]["Fn::If"][1],
            json!({ "Ref": "TokenAuthorizer" }),
            "{name}"
        );
    }
    // One route has two functions, of which one is deployed.
    let presign = routes.get_mut("POST /presign-upload").expect("presign");
    assert_eq!(presign, &["presign-quota", "presign"]);
    *presign = vec!["presign"];

    let keyed = |method: &str, path: &str| format!("{} {path}", method.to_uppercase());
    let expected: BTreeMap<_, _> = router()
        .iter()
        .map(|route| (keyed(route.method, route.path), vec![route.function]))
        .collect();
    let routes: BTreeMap<_, _> = routes
        .into_iter()
        .map(|(key, functions)| (key.to_owned(), functions))
        .collect();
    assert_eq!(routes, expected);
    let described: BTreeSet<_> = operations()
        .map(|(path, method, _)| keyed(method, path))
        .collect();
    assert_eq!(routes.into_keys().collect::<BTreeSet<_>>(), described);
}

#[test]
fn the_visibility_timeout_is_six_times_the_functions() {
    for (package, queue) in [
        ("record-upload", "UploadQueue"),
        ("notify", "NotifyQueue"),
        ("preview", "PreviewQueue"),
    ] {
        let functions = functions();
        let function = functions.iter().find(|one| one.package == package);
        let timeout = function.expect(package).properties["Timeout"].as_u64();
        let queue = &template()["Resources"][queue]["Properties"];
        assert_eq!(
            queue["VisibilityTimeout"].as_u64(),
            timeout.map(|seconds| 6 * seconds)
        );
    }
}

#[test]
fn migrate_responds_before_cloudformations_timeout() {
    let migrate = functions();
    let migrate = migrate.iter().find(|one| one.package == "migrate");
    let timeout = migrate.expect("migrate").properties["Timeout"].as_u64();
    let migration = &template()["Resources"]["Migration"]["Properties"];
    assert!(migration["ServiceTimeout"].as_u64() > timeout);
    for function in functions() {
        let depends = &template()["Resources"][function.resource]["DependsOn"];
        // Functions that need the schema wait for it.
        let waits = crate::rules::depends(function.package, "db") && function.package != "migrate";
        assert_eq!(depends == "Migration", waits, "{}", function.package);
    }
}

/// The cost of an alarm depends on its number of metrics. `docs/cost.md` counts them, and a test
/// compares it with `cargo dev cost`.
#[test]
fn the_number_of_alarms_agrees_with_the_documented_cost() {
    let alarms = resources("AWS::CloudWatch::Alarm").filter(|(name, _)| {
        // The page names its cost with that of the webhooks.
        template()["Resources"][*name]["Condition"] != "AlarmedWebhooks"
    });
    let metrics = alarms.map(|(name, alarm)| {
        let Some(metrics) = alarm["Metrics"].as_array() else {
            assert!(alarm["MetricName"].is_string(), "{name}");
            return 1;
        };
        let stats = metrics.iter().filter(|one| one["MetricStat"].is_object());
        stats.count()
    });
    let alarms = metrics.sum::<usize>();
    let said = format!(" metrics, {alarms} alarms |");
    assert_eq!(read("docs/cost.md").matches(&said).count(), 3, "{said}");
}

/// Completing an upload, and the copy of a rename, may take 25 s by design, which must not raise an
/// alarm.
#[test]
fn slow_routes_have_no_latency_alarm() {
    let alarm = &template()["Resources"]["SlowAlarm"]["Properties"]["Metrics"];
    let watched = alarm.to_string();
    let by_route = resources("AWS::ApiGatewayV2::Integration").map(|(_, integration)| {
        let uri = integration["IntegrationUri"]["Fn::GetAtt"].as_str();
        uri.expect("a function").trim_end_matches(".Arn")
    });
    for function in by_route {
        let reference = format!(r#"{{"Ref":"{function}"}}"#);
        let expected = !["MultipartFunction", "RenameFunction"].contains(&function);
        assert_eq!(watched.contains(&reference), expected, "{function}");
    }
}
