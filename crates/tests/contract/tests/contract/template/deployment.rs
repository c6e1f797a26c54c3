//! Settings of the template that decide whether a stack can be created, updated and created again.
//! CloudFormation and the services enforce these rules at a deployment, so that no linter and no
//! emulator finds a violation.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{alternatives, functions, resources, template};
use crate::spec::read;

fn property(resource: &str, pointer: &str) -> &'static Value {
    let value = template()["Resources"][resource]["Properties"].pointer(pointer);
    value.unwrap_or_else(|| panic!("{resource} has no {pointer}"))
}

fn parameters() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let all = template()["Parameters"].as_object().expect("parameters");
    all.iter().map(|(name, value)| (name.as_str(), value))
}

/// With `Retain`, a first deployment that fails leaves resources behind, and the next attempt finds
/// that their names are taken.
#[test]
fn a_first_deployment_that_fails_leaves_nothing_behind() {
    let all = template()["Resources"].as_object().expect("resources");
    let kept: BTreeSet<&str> = all
        .iter()
        .filter(|(_, resource)| resource.get("DeletionPolicy").is_some())
        .inspect(|(name, resource)| {
            assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = ["AccessLogBucket", "Bucket", "PageBucket", "UserPool"];
    assert_eq!(kept, expected.into());
}

/// The names of these resources are unique in an account, and not in a region.
#[test]
fn a_second_region_can_be_deployed() {
    let mut names = Vec::new();
    for (kind, pointer) in [
        ("CachePolicy", "/CachePolicyConfig/Name"),
        ("Function", "/Name"),
        ("OriginAccessControl", "/OriginAccessControlConfig/Name"),
        ("OriginRequestPolicy", "/OriginRequestPolicyConfig/Name"),
        ("ResponseHeadersPolicy", "/ResponseHeadersPolicyConfig/Name"),
    ] {
        for (resource, properties) in resources(&format!("AWS::CloudFront::{kind}")) {
            let name = properties.pointer(pointer).expect(resource);
            let name = name["Fn::Sub"].as_str().expect(resource);
            assert!(
                name.starts_with("${AWS::StackName}-${AWS::Region}-"),
                "{resource}: {name}"
            );
            names.push((kind, name));
        }
    }
    assert_eq!(names.len(), 7);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// API Gateway lists every other log group in a resource policy of the account, which holds 5,120
/// characters.
#[test]
fn the_access_log_does_not_extend_a_policy_of_the_account() {
    let name = &property("ApiLogs", "/LogGroupName")["Fn::Sub"];
    let name = name.as_str().expect("a name");
    assert!(name.starts_with("/aws/vendedlogs/"), "{name}");
    // The runbook names the group.
    let group = name.replace("${AWS::StackName}", "STACK");
    assert!(read("docs/operate.md").contains(&group), "{group}");
}

/// `RouteSettings` is untyped, and CloudFormation never removes an entry.
#[test]
fn every_route_is_throttled_by_the_settings_of_the_stage() {
    let stage = &template()["Resources"]["Stage"];
    assert_eq!(stage.get("DependsOn"), None);
    assert_eq!(stage["Properties"].get("RouteSettings"), None);
    let rate = json!({ "Ref": "RequestsPerSecond" });
    let settings = json!({ "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate });
    assert_eq!(stage["Properties"]["DefaultRouteSettings"], settings);
}

/// Without a maximum, the poller starts as many executions as there are messages, up to the limit
/// of the account.
#[test]
fn every_queue_has_a_maximum_concurrency() {
    let mut queues = 0;
    for function in functions() {
        let events = function.properties["Events"].as_object();
        for (name, event) in events.into_iter().flatten() {
            if event["Type"] != "SQS" {
                continue;
            }
            queues += 1;
            let maximum = &event["Properties"]["ScalingConfig"]["MaximumConcurrency"];
            for one in alternatives(maximum) {
                let limited = one.as_u64().is_some_and(|it| (2..=5).contains(&it))
                    || *one == json!({ "Ref": "ReservedConcurrency" });
                assert!(limited, "{name} of {}: {one}", function.resource);
            }
        }
    }
    assert!(queues >= 1);
}

/// Lambda decrypts an environment with the function's role. The key is the stack's own, so the
/// account and the region of the function are enough.
#[test]
fn roles_may_decrypt_environments_and_nothing_else_with_their_key() {
    let statements = property("EnvironmentPolicy", "/PolicyDocument/Statement");
    let function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*";
    let expected = json!([{
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": { "Fn::GetAtt": "EnvironmentKey.Arn" },
        "Condition": { "StringLike": { "kms:EncryptionContext:aws:lambda:FunctionArn": { "Fn::Sub": function } } },
    }]);
    assert_eq!(*statements, expected);
    let key = &template()["Globals"]["Function"]["KmsKeyArn"];
    assert_eq!(*key, json!({ "Fn::GetAtt": "EnvironmentKey.Arn" }));
}

/// The gate of `RequireScan` stays closed without the tag, which needs a plan with tagging and a
/// role that may set it.
#[test]
fn the_scanner_of_the_stack_opens_the_gate() {
    assert_eq!(
        *property("ScanPlan", "/Actions"),
        json!({ "Tagging": { "Status": "ENABLED" } })
    );
    let bucket = property("ScanPlan", "/ProtectedResource/S3Bucket");
    assert_eq!(*bucket, json!({ "BucketName": { "Ref": "Bucket" } }));
    let trust = property("ScanRole", "/AssumeRolePolicyDocument/Statement/0");
    assert_eq!(
        trust["Principal"]["Service"],
        "malware-protection-plan.guardduty.amazonaws.com"
    );
    let policy = property("ScanRole", "/Policies/0").to_string();
    for action in [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
        "s3:PutBucketNotification",
        "events:PutRule",
        "events:PutTargets",
        "kms:Decrypt",
    ] {
        assert!(policy.contains(&format!("\"{action}\"")), "{action}");
    }
}

/// S3 answers a preflight only if CloudFront forwards its headers, which this policy of AWS does.
#[test]
fn preflights_to_public_files_reach_s3_with_their_headers() {
    let behaviour = property("Distribution", "/DistributionConfig/DefaultCacheBehavior");
    let methods = behaviour["AllowedMethods"].as_array().expect("methods");
    assert!(methods.iter().any(|method| method == "OPTIONS"));
    let cors_s3_origin = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf";
    assert_eq!(behaviour["OriginRequestPolicyId"], cors_s3_origin);
}

#[test]
fn every_alarm_is_sent_to_the_topic() {
    let to = json!([{ "Ref": "AlarmTopic" }]);
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["AlarmActions"], to, "{name}");
        assert_eq!(alarm["OKActions"], to, "{name}");
    }
    let mail = &template()["Resources"]["AlarmSubscription"];
    assert_eq!(mail["Condition"], "AlarmsMailed");
    assert_eq!(
        mail["Properties"]["Endpoint"],
        json!({ "Ref": "AlarmEmail" })
    );
    assert_eq!(mail["Properties"]["Protocol"], "email");
}

/// A rule that was disabled, or a function that cannot start, produces no data.
#[test]
fn a_maintenance_that_does_not_run_is_reported() {
    let alarm = &template()["Resources"]["MaintainStoppedAlarm"]["Properties"];
    assert_eq!(alarm["MetricName"], "Invocations");
    assert_eq!(alarm["TreatMissingData"], "breaching");
    assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
    let schedule = &template()["Parameters"]["MaintainSchedule"]["Default"];
    // Neon pauses a database after 5 minutes, Aurora after 5 or more.
    assert_eq!(schedule, "rate(1 hour)");
}

#[test]
fn every_parameter_is_described_and_in_one_group() {
    let groups = &template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let groups = groups.as_array().expect("groups").iter();
    let mut grouped: Vec<&str> = groups
        .flat_map(|group| group["Parameters"].as_array().expect("names"))
        .filter_map(Value::as_str)
        .collect();
    grouped.sort_unstable();
    let mut names: Vec<&str> = parameters().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(grouped, names);
    assert!(names.len() <= 50, "{} parameters", names.len());
    for (name, parameter) in parameters() {
        assert!(parameter["Description"].is_string(), "{name}");
    }
}

/// The page names each parameter that was removed, and what replaces it.
#[test]
fn removed_parameters_are_not_in_the_template() {
    let page = read("docs/template.md");
    let (_, section) = page
        .split_once("## Parameters that were removed")
        .expect("the section");
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let mut removed = 0;
    for row in rows {
        let cell = row.split('|').nth(1).expect("a cell");
        for name in cell.split('`').skip(1).step_by(2) {
            assert!(parameters().all(|(one, _)| one != name), "{name}");
            removed += 1;
        }
    }
    assert!(removed >= 19, "{removed}");
}

/// `sam sync` updates a stack without a change set, and CloudFormation then refuses a template with
/// a transform unless it is acknowledged.
#[test]
fn every_environment_may_expand_the_transform() {
    let config = read("samconfig.toml");
    let capabilities = config
        .lines()
        .filter(|line| line.starts_with("capabilities"));
    let capabilities: Vec<_> = capabilities.collect();
    assert_eq!(capabilities.len(), 4);
    for line in capabilities {
        for name in ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"] {
            assert!(line.contains(name), "{line}");
        }
    }
}

/// The values that a deployer has to fill in are the same in the archive and in `samconfig.toml`.
#[test]
fn five_values_deploy() {
    let text = read("crates/tools/dev/src/release/parameters.json");
    let values: Vec<String> = serde_json::from_str(&text).expect("a list");
    let names = values.iter().filter_map(|one| one.split('=').next());
    let names: BTreeSet<&str> = names.collect();
    assert_eq!(names.len(), 5);
    let config = read("samconfig.toml");
    for name in &names {
        assert!(parameters().any(|(one, _)| one == *name), "{name}");
        assert!(config.contains(&format!("\"{name}=")), "{name}");
    }
    // Every other parameter has a default.
    for (name, parameter) in parameters() {
        assert!(
            names.contains(name) || parameter.get("Default").is_some(),
            "{name}"
        );
    }
}

/// A tag of an action can be moved. A cleanup must work without the outputs of a stack that was never
/// complete, and pip must not change the Python of the image.
#[test]
fn workflows_depend_on_nothing_that_changes() {
    let folder = crate::spec::root().join(".github/workflows");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("workflows").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a workflow");
        for line in text.lines().map(str::trim) {
            let name = file.file_name();
            if let Some(used) = line.trim_start_matches("- ").strip_prefix("uses: ") {
                let (_, pin) = used.split_once('@').expect("a version");
                let pin = pin.split(' ').next().unwrap_or_default();
                assert!(
                    pin.len() == 40 && pin.bytes().all(|it| it.is_ascii_hexdigit()),
                    "{used}"
                );
                count += 1;
            }
            assert!(!line.contains("run: pip"), "{name:?}: {line}");
            assert!(!line.contains("Outputs[?"), "{name:?}: {line}");
        }
    }
    assert!(count >= 10);
}
