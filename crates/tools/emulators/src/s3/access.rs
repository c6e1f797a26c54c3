//! Access control: the bucket policy applies to every request, and each function has the grants of
//! its role. The administrator's key, like the account's owner on AWS, needs no grant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Method};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::fault::{no_such_key, refuse};
use super::keys::KeyPair;
use super::object::Object;
use super::policy::{AuthType, Decision, Document, Request, Role, Signed, Tags};
use super::store::Store;
use super::uses::Uses;

/// The known key pairs, by access key.
pub(super) struct KeyPairs(BTreeMap<String, (SecretKey, Caller)>);

/// The signer of a request.
#[derive(Clone)]
enum Caller {
    /// The request has no signature.
    Anonymous,
    Administrator,
    Function(Arc<Role>),
}

/// The facts about a request that an action is checked with.
#[derive(Clone)]
struct Context {
    caller: Caller,
    signed: Signed,
    /// The operation, such as `GetObject`.
    operation: String,
}

/// The bucket.
pub(super) struct OneBucket {
    pub(super) region: String,
    pub(super) store: Arc<Store>,
    pub(super) access: Access,
    pub(super) keys: Arc<KeyPairs>,
    pub(super) public_read: bool,
}

/// The denials of the bucket policy, the grants of the roles, and the grants that were used.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) bucket: String,
    pub(super) policy: Arc<Document>,
    pub(super) uses: Arc<Uses>,
}

/// Headers of an upload that need an additional action.
const OF_HEADERS: [(&str, &str); 2] = [
    ("x-amz-tagging", "s3:PutObjectTagging"),
    ("x-amz-acl", "s3:PutObjectAcl"),
];

/// The permission that an operation needs.
enum Needs {
    /// This action on the object of the URL, or on the bucket.
    Action(&'static str),
    /// The permission is checked where the objects are known: for the object that is read, and for
    /// each object of a batch delete.
    InHandler,
}

impl KeyPairs {
    /// The pairs of the administrator and of each role.
    pub(super) fn new(administrator: &KeyPair, roles: Vec<Role>) -> Self {
        let mut pairs = BTreeMap::new();
        let mut insert = |pair: KeyPair, caller| {
            pairs.insert(pair.access_key, (pair.secret_key.into(), caller));
        };
        insert(administrator.clone(), Caller::Administrator);
        for role in roles {
            let pair = administrator.of_function(&role.function);
            insert(pair, Caller::Function(Arc::new(role)));
        }
        Self(pairs)
    }
}

/// The form that `s3s` requires.
pub(super) struct Authentication(pub(super) Arc<KeyPairs>);

#[async_trait::async_trait]
impl S3Auth for Authentication {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.0.get(access_key) {
            Some((secret, _)) => Ok(secret.clone()),
            None => Err(refuse(
                S3ErrorCode::InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records.",
            )),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for OneBucket {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let caller = self.caller(context)?;
        if matches!(caller, Caller::Anonymous) {
            let reads = matches!(*context.method(), Method::GET | Method::HEAD);
            if !(self.public_read && reads) {
                return Err(denied("Access Denied"));
            }
        } else {
            self.check_region(context)?;
            let bucket = context.s3_path().get_bucket_name();
            if bucket.is_some_and(|bucket| bucket != self.access.bucket) {
                return Err(refuse(
                    S3ErrorCode::NoSuchBucket,
                    "The specified bucket does not exist",
                ));
            }
        }
        let known = Context {
            signed: signed(context),
            caller,
            operation: context.s3_op().name().to_owned(),
        };
        context.extensions_mut().insert(known.clone());
        self.check_action(context, &known)
    }
}

impl OneBucket {
    fn caller(&self, context: &S3AccessContext<'_>) -> S3Result<Caller> {
        let Some(credentials) = context.credentials() else {
            return Ok(Caller::Anonymous);
        };
        let known = self.keys.0.get(&credentials.access_key);
        let (_, caller) = known.ok_or_else(|| denied("Access Denied"))?;
        Ok(caller.clone())
    }

    fn check_action(&self, context: &mut S3AccessContext<'_>, known: &Context) -> S3Result<()> {
        let action = match needs(&known.operation) {
            Some(Needs::Action(action)) => action,
            Some(Needs::InHandler) => return Ok(()),
            // The server does not have the operation, and reports that to the administrator.
            None if matches!(known.caller, Caller::Administrator) => return Ok(()),
            None => return Err(denied("Access Denied")),
        };
        let key = context.s3_path().as_object().map(|(_, key)| key.to_owned());
        let key = key.unwrap_or_default();
        let object = self.store.find(&key);
        let headers = context.headers();
        let more = OF_HEADERS
            .iter()
            .filter(|(name, _)| headers.contains_key(*name));
        let more: Vec<&str> = more.map(|(_, action)| *action).collect();
        let extensions = context.extensions_mut();
        for action in [action].into_iter().chain(more) {
            self.access
                .check(action, extensions, &key, object.as_deref())?;
        }
        Ok(())
    }

    /// A signature for another region may be correct, but is refused.
    fn check_region(&self, context: &S3AccessContext<'_>) -> S3Result<()> {
        let header = context.headers().get(http::header::AUTHORIZATION);
        let header = header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let scope = queried(context, "X-Amz-Credential").unwrap_or_else(|| header.to_owned());
        if scope.contains(&format!("/{}/s3/aws4_request", self.region)) {
            return Ok(());
        }
        let message = format!(
            "The authorization header is malformed; the region is wrong; expecting '{}'",
            self.region
        );
        Err(S3Error::with_message(
            S3ErrorCode::AuthorizationHeaderMalformed,
            message,
        ))
    }
}

impl Access {
    /// Fails if the caller is not allowed to do `action` on `key`, or on the bucket if `key` is
    /// empty. `object` is the current object.
    pub(super) fn check(
        &self,
        action: &str,
        extensions: &Extensions,
        key: &str,
        object: Option<&Object>,
    ) -> S3Result<()> {
        self.check_for(action, extensions, key, object, "")
    }

    /// The error for a missing object. Only callers that may list the bucket learn that it is
    /// missing, as on S3.
    pub(super) fn missing(&self, extensions: &Extensions) -> S3Error {
        let listed = self.check_for(
            "s3:ListBucket",
            extensions,
            "",
            None,
            " of a missing object",
        );
        listed.err().unwrap_or_else(no_such_key)
    }

    /// The error of reading an object, or that of [`Access::missing`] if it is missing.
    pub(super) fn unless_missing(&self, error: S3Error, extensions: &Extensions) -> S3Error {
        match error.code() {
            S3ErrorCode::NoSuchKey => self.missing(extensions),
            _ => error,
        }
    }

    /// `about` names the reason why the operation needs the action.
    fn check_for(
        &self,
        action: &str,
        extensions: &Extensions,
        key: &str,
        object: Option<&Object>,
        about: &str,
    ) -> S3Result<()> {
        // It is always present. A request without it must not count as unsigned.
        let context = extensions.get::<Context>();
        let context = context.ok_or_else(|| denied("Access Denied"))?;
        let slash = if key.is_empty() { "" } else { "/" };
        let resource = format!("arn:aws:s3:::{}{slash}{key}", self.bucket);
        let none = Tags::new();
        let request = Request {
            action,
            resource: &resource,
            signed: context.signed,
            tags: object.map_or(&none, |object| &object.tags),
        };
        let by_bucket = self.policy.decide(&request);
        let Caller::Function(role) = &context.caller else {
            return match by_bucket {
                Decision::Denied(_) => Err(denied("Access Denied")),
                Decision::Allowed | Decision::Silent => Ok(()),
            };
        };
        let because = match (&by_bucket, role.document.decide(&request)) {
            (Decision::Denied(_), _) => "with an explicit deny in a resource-based policy".into(),
            (_, Decision::Denied(_)) => "with an explicit deny in an identity-based policy".into(),
            (Decision::Allowed, Decision::Silent) => return Ok(()),
            (_, Decision::Allowed) => {
                let how = format!("{}{about}{}", context.operation, by_url(context.signed));
                self.uses.note(&role.function, action, how);
                return Ok(());
            }
            (Decision::Silent, Decision::Silent) => {
                format!("because no identity-based policy allows the {action} action")
            }
        };
        let function = &role.function;
        Err(denied(format!(
            "User: arn:aws:sts::000000000000:assumed-role/{function}/{function} is not authorized to perform: \
             {action} on resource: \"{resource}\" {because}"
        )))
    }
}

fn by_url(signed: Signed) -> &'static str {
    match signed.auth_type {
        Some(AuthType::Query) => " by URL",
        Some(AuthType::Header) | None => "",
    }
}

fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}

/// The action of an operation, as S3's service authorization reference names it.
fn needs(operation: &str) -> Option<Needs> {
    Some(Needs::Action(match operation {
        "GetObject" | "HeadObject" | "DeleteObjects" => return Some(Needs::InHandler),
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "CompleteMultipartUpload" => "s3:PutObject",
        "DeleteObject" => "s3:DeleteObject",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "ListParts" => "s3:ListMultipartUploadParts",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "ListObjectsV2" | "HeadBucket" => "s3:ListBucket",
        "GetBucketLocation" => "s3:GetBucketLocation",
        "CreateBucket" => "s3:CreateBucket",
        "GetObjectTagging" => "s3:GetObjectTagging",
        "PutObjectTagging" => "s3:PutObjectTagging",
        "DeleteObjectTagging" => "s3:DeleteObjectTagging",
        _ => return None,
    }))
}

fn signed(context: &S3AccessContext<'_>) -> Signed {
    if context.credentials().is_none() {
        return Signed::default();
    }
    let Some(date) = queried(context, "X-Amz-Date") else {
        return Signed {
            auth_type: Some(AuthType::Header),
            age: None,
        };
    };
    let age = OffsetDateTime::now_utc() - moment(&date).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A signature with a future time has no age yet.
    let age = Duration::try_from(age).unwrap_or_default();
    Signed {
        auth_type: Some(AuthType::Query),
        age: Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
    }
}

fn queried(context: &S3AccessContext<'_>, name: &str) -> Option<String> {
    let query = context.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// A time such as `20230630T033418Z`.
fn moment(text: &str) -> Option<OffsetDateTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text.get(..4)?.parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}
