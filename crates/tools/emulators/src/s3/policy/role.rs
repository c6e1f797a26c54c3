//! The S3 grants of the functions' roles in `template.yaml`.
//!
//! Statements about other services are dropped before parsing, since this server cannot check them.
//! All other statements are parsed strictly: a grant with an unknown feature is an error when the
//! server starts.

use serde_json::{Map, Value, json};

use super::document::{Document, PolicyError, texts};
use super::template::Template;

/// A function of the template with its role's grants in S3.
#[derive(Clone, Debug)]
pub struct Role {
    /// The name of the function's package and binary.
    pub function: String,
    /// The statements of the role's inline and managed policies.
    pub document: Document,
}

impl Role {
    /// The roles in this repository's template for `bucket`, with these parameters and defaults for
    /// the others. It includes functions that the parameters disable.
    pub fn ours(bucket: &str, parameters: &[(&str, &str)]) -> Result<Vec<Self>, PolicyError> {
        Template::ours(bucket, parameters)?.roles()
    }
}

impl Template<'_> {
    pub(super) fn roles(&self) -> Result<Vec<Role>, PolicyError> {
        let mut roles = Vec::new();
        for (name, resource) in self.resources()? {
            if resource["Type"] != "AWS::Serverless::Function" {
                continue;
            }
            let properties = &resource["Properties"];
            let role = |problem: PolicyError| problem.of(name);
            roles.push(Role {
                function: function(properties).map_err(role)?.to_owned(),
                document: self.role_of(properties).map_err(role)?,
            });
        }
        Ok(roles)
    }

    fn role_of(&self, properties: &Value) -> Result<Document, PolicyError> {
        // SAM ignores `Policies` if the function has a `Role`.
        if !properties["Policies"].is_null() {
            return Err("Policies of a function are not known, only those of its Role".into());
        }
        let role = properties["Role"]["Fn::GetAtt"].as_str();
        let role = role.and_then(|role| role.strip_suffix(".Arn"));
        let role = role.ok_or("Role must be the Arn of a resource")?;
        let role = self.resource(role, "AWS::IAM::Role")?;
        let known = ["AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"];
        let members = role.as_object().ok_or("a role has no Properties")?;
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("{name} of a role is not known").into());
        }
        let mut statements = Vec::new();
        for policy in list(&role["Policies"])? {
            self.collect(&policy["PolicyDocument"], &mut statements)?;
        }
        for arn in list(&role["ManagedPolicyArns"])? {
            let Some(arn) = self.chosen(arn)? else {
                continue;
            };
            let name = arn["Ref"].as_str();
            let name = name.ok_or("only managed policies of the template are known")?;
            let policy = self.resource(name, "AWS::IAM::ManagedPolicy")?;
            self.collect(&policy["PolicyDocument"], &mut statements)?;
        }
        Document::parse(&json!({ "Version": "2012-10-17", "Statement": statements }))
    }

    /// Adds the statements of `document` that can concern S3.
    fn collect(&self, document: &Value, statements: &mut Vec<Value>) -> Result<(), PolicyError> {
        if document["Version"] != "2012-10-17" {
            return Err("Version must be 2012-10-17".into());
        }
        for statement in list(&document["Statement"])? {
            let Some(statement) = self.chosen(statement)? else {
                continue;
            };
            let members = statement.as_object().ok_or("a statement is not known")?;
            if !self.is_of_another_service(members)? {
                statements.extend(self.value(statement)?);
            }
        }
        Ok(())
    }

    fn is_of_another_service(&self, statement: &Map<String, Value>) -> Result<bool, PolicyError> {
        let Some(actions) = statement.get("Action") else {
            // `NotAction`, which the parser refuses.
            return Ok(false);
        };
        let actions = self.value(actions)?.ok_or("Action is empty")?;
        let other = |action: &String| {
            let service = action.split_once(':').map(|(service, _)| service);
            service.is_some_and(|service| {
                !service.contains(['*', '?']) && !service.eq_ignore_ascii_case("s3")
            })
        };
        Ok(texts(&actions)?.iter().all(other))
    }
}

fn list(value: &Value) -> Result<&[Value], PolicyError> {
    match value {
        Value::Array(entries) => Ok(entries),
        Value::Null => Ok(&[]),
        other => Err(format!("{other} must be a list").into()),
    }
}

/// The package from which the function is built.
fn function(properties: &Value) -> Result<&str, PolicyError> {
    let code = properties["CodeUri"].as_str();
    let name = code.and_then(|code| code.strip_prefix("crates/functions/"));
    name.ok_or_else(|| "CodeUri must be a crate below crates/functions".into())
}

#[cfg(test)]
mod tests {
    use super::super::{AuthType, Decision, Request, Signed, Tags};
    use super::*;

    const KEY: &str = "arn:aws:s3:::b/alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt";

    /// A template with one function and these properties of its role.
    fn template(role: &str) -> String {
        format!(
            "Resources:\n  \
             Bucket: {{Type: AWS::S3::Bucket}}\n  \
             Logs: {{Type: AWS::Logs::LogGroup}}\n  \
             One: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: crates/functions/one, Role: !GetAtt OneRole.Arn}}}}\n  \
             Shared: {{Type: AWS::IAM::ManagedPolicy, Properties: {{PolicyDocument: {{Version: '2012-10-17', \
             Statement: [{{Effect: Allow, Action: s3:ListBucket, Resource: !GetAtt Bucket.Arn}}]}}}}}}\n  \
             OneRole: {{Type: AWS::IAM::Role, Properties: {role}}}\n"
        )
    }

    fn roles(text: &str) -> Result<Vec<Role>, PolicyError> {
        Template::read(text, "b", &[])?.roles()
    }

    fn decide(document: &Document, action: &str, resource: &str) -> Decision {
        document.decide(&Request {
            action,
            resource,
            signed: Signed {
                auth_type: Some(AuthType::Header),
                age: None,
            },
            tags: &Tags::new(),
        })
    }

    #[test]
    fn each_function_has_the_grants_of_its_role() {
        let roles = Role::ours("b", &[]).expect("roles");
        let role = |name: &str| {
            let found = roles.iter().find(|role| role.function == name);
            &found.expect("a role").document
        };
        let bucket = "arn:aws:s3:::b";
        for (function, action, resource, expected) in [
            ("presign", "s3:PutObject", KEY, Decision::Allowed),
            ("presign", "s3:GetObject", KEY, Decision::Silent),
            ("presign-quota", "s3:PutObject", KEY, Decision::Allowed),
            ("files", "s3:GetObject", KEY, Decision::Allowed),
            ("files", "s3:ListBucket", bucket, Decision::Silent),
            ("delete", "s3:DeleteObject", KEY, Decision::Allowed),
            (
                "delete",
                "s3:DeleteObject",
                "arn:aws:s3:::b/other",
                Decision::Silent,
            ),
            ("rename", "s3:PutObjectTagging", KEY, Decision::Allowed),
            ("save-metadata", "s3:ListBucket", bucket, Decision::Allowed),
            (
                "maintain-function",
                "s3:ListBucketMultipartUploads",
                bucket,
                Decision::Allowed,
            ),
            ("migrate", "s3:GetObject", KEY, Decision::Silent),
        ] {
            let decision = decide(role(function), action, resource);
            assert_eq!(decision, expected, "{function} {action} {resource}");
        }
        assert_eq!(roles.len(), 12);
    }

    #[test]
    fn managed_policies_count_and_other_services_are_ignored() {
        let text = template(
            "{ManagedPolicyArns: [!Ref Shared], Policies: [{PolicyName: one, PolicyDocument: {Version: '2012-10-17', Statement: [\
             {Effect: Allow, Action: logs:PutLogEvents, Resource: !GetAtt Logs.Arn, Condition: {ArnLike: {a: b}}},\
             {Effect: Allow, Action: [s3:GetObject, kms:Decrypt], Resource: !Sub '${Bucket.Arn}/*'}]}}]}",
        );
        let roles = roles(&text).expect("roles");
        let document = &roles[0].document;
        let bucket = "arn:aws:s3:::b";
        assert_eq!(decide(document, "s3:ListBucket", bucket), Decision::Allowed);
        assert_eq!(decide(document, "s3:GetObject", KEY), Decision::Allowed);
        assert_eq!(decide(document, "s3:PutObject", KEY), Decision::Silent);
    }

    #[test]
    fn a_role_that_is_not_understood_is_an_error() {
        let policies = |statement: &str| {
            format!(
                "{{Policies: [{{PolicyDocument: {{Version: '2012-10-17', Statement: [{statement}]}}}}]}}"
            )
        };
        roles(&template(&policies(
            "{Effect: Allow, Action: s3:GetObject, Resource: '*'}",
        )))
        .expect("the pattern of these cases");
        for role in [
            "{ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess']}".to_owned(),
            "{ManagedPolicyArns: [!Ref Other]}".to_owned(),
            "{PermissionsBoundary: !Ref Shared}".to_owned(),
            policies("{Effect: Allow, NotAction: s3:GetObject, Resource: '*'}"),
            policies("{Effect: Allow, Action: s3:GetObject, Resource: !GetAtt Logs.Arn}"),
            policies("{Effect: Allow, Action: '*', Resource: !GetAtt Logs.Arn}"),
            policies(
                "{Effect: Allow, Action: s3:GetObject, Resource: '*', Condition: {ArnLike: {a: b}}}",
            ),
            policies(
                "!If [Unknown, {Effect: Allow, Action: 's3:*', Resource: '*'}, !Ref AWS::NoValue]",
            ),
        ] {
            roles(&template(&role)).expect_err(&role);
        }
    }
}
