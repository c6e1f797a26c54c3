//! Access control: the holder of the one key pair may do everything to the one bucket that the bucket policy does not deny.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Method};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::fault::refuse;
use super::object::Object;
use super::policy::{AuthType, Decision, Policy, Request, Signed, Tags};
use super::store::Store;

/// The one key pair.
pub(super) struct KeyPair {
    pub(super) access_key: String,
    pub(super) secret_key: SecretKey,
}

/// The one bucket.
pub(super) struct OneBucket {
    pub(super) region: String,
    pub(super) store: Arc<Store>,
    pub(super) access: Access,
}

/// The bucket policy.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) bucket: String,
    pub(super) policy: Arc<Policy>,
}

/// What an operation needs, on an object or on the bucket.
enum Needs {
    /// This action.
    Action(&'static str),
    /// Reading an object: checked where it is read, for the object that is read.
    ReadsObject,
}

#[async_trait::async_trait]
impl S3Auth for KeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone());
        }
        Err(refuse(
            S3ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        ))
    }
}

#[async_trait::async_trait]
impl S3Access for OneBucket {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let signed = signed(context);
        context.extensions_mut().insert(signed);
        if context.credentials().is_none() {
            let reads = matches!(*context.method(), Method::GET | Method::HEAD);
            if !(self.access.policy.public_read && reads) {
                return Err(denied());
            }
            return self.check_policy(context);
        }
        self.check_region(context)?;
        let bucket = context.s3_path().get_bucket_name();
        if bucket.is_some_and(|bucket| bucket != self.access.bucket) {
            return Err(refuse(
                S3ErrorCode::NoSuchBucket,
                "The specified bucket does not exist",
            ));
        }
        self.check_policy(context)
    }
}

impl OneBucket {
    fn check_policy(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if self.access.policy.document.is_empty() {
            return Ok(());
        }
        // What is not known here cannot be checked, and so is not allowed.
        let Needs::Action(action) = needs(context.s3_op().name()).ok_or_else(denied)? else {
            return Ok(());
        };
        let key = context.s3_path().as_object().map(|(_, key)| key.to_owned());
        let object = key.as_deref().and_then(|key| self.store.find(key));
        self.access.check(
            action,
            context.extensions_mut(),
            key.as_deref().unwrap_or_default(),
            object.as_deref(),
        )
    }

    /// A signature for another region is right, and refused all the same.
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
    /// Fails where the bucket policy denies `action` on `key`, or on the bucket where that is empty. `object` is what
    /// is there.
    pub(super) fn check(
        &self,
        action: &str,
        extensions: &Extensions,
        key: &str,
        object: Option<&Object>,
    ) -> S3Result<()> {
        if self.policy.document.is_empty() {
            return Ok(());
        }
        let slash = if key.is_empty() { "" } else { "/" };
        let none = Tags::new();
        let decision = self.policy.document.decide(&Request {
            action,
            resource: &format!("arn:aws:s3:::{}{slash}{key}", self.bucket),
            // It is always there; a request without it must not pass for an unsigned one.
            signed: *extensions.get::<Signed>().ok_or_else(denied)?,
            tags: object.map_or(&none, |object| &object.tags),
        });
        match decision {
            Decision::Denied(_) => Err(denied()),
            // The owner's key needs no grant.
            Decision::Allowed | Decision::Silent => Ok(()),
        }
    }
}

fn denied() -> S3Error {
    refuse(S3ErrorCode::AccessDenied, "Access Denied")
}

/// The action of an operation, as the service authorization reference of S3 names it.
fn needs(operation: &str) -> Option<Needs> {
    Some(Needs::Action(match operation {
        "GetObject" | "HeadObject" => return Some(Needs::ReadsObject),
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "CompleteMultipartUpload" => "s3:PutObject",
        "DeleteObject" | "DeleteObjects" => "s3:DeleteObject",
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
    // A signature of a moment that is still to come has no age yet.
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

/// A moment such as `20230630T033418Z`.
fn moment(text: &str) -> Option<OffsetDateTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text.get(..4)?.parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}
