//! The location of the bucket, and the addresses of its objects.

use std::borrow::Cow;

use slipway_core::ObjectKey;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::region::{dns_suffix, is_host_label};

use crate::endpoint::Endpoint;

/// The variables for the endpoint of an S3-compatible server, in order of precedence. The last two
/// are those of the SDKs.
pub const ENDPOINTS: [&str; 3] = ["S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// A bucket and its address: at AWS a host name of its own, elsewhere a path at the endpoint.
#[derive(Clone, Debug)]
pub struct Location {
    /// The bucket's name.
    pub bucket: String,
    /// The region that signatures name.
    pub region: String,
    /// The endpoint of an S3-compatible server; `None` for AWS.
    pub endpoint: Option<String>,
    origin: String,
    host: String,
    base_path: String,
}

impl Location {
    /// Reads `S3_BUCKET_NAME`, `AWS_REGION` and the first of [`ENDPOINTS`] that is set.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let bucket = env.required("S3_BUCKET_NAME")?;
        let region = env.required("AWS_REGION")?;
        let set = ENDPOINTS
            .iter()
            .find_map(|name| Some((*name, env.optional(name)?)));
        match set {
            Some((variable, endpoint)) => Self::at_endpoint(bucket, region, variable, &endpoint),
            None if is_host_label(&region) => Ok(Self::at_aws(bucket, region)),
            None => Err(ConfigError::new(
                "AWS_REGION",
                "must be a region such as eu-central-1",
            )),
        }
    }

    /// The bucket at AWS.
    #[must_use]
    pub fn at_aws(bucket: String, region: String) -> Self {
        let service = format!("s3.{region}.{}", dns_suffix(&region));
        // The certificate covers one label, so a bucket with dots is addressed by path.
        let (host, base_path) = if bucket.contains('.') {
            (service, format!("/{bucket}/"))
        } else {
            (format!("{bucket}.{service}"), "/".to_owned())
        };
        Self {
            origin: format!("https://{host}"),
            bucket,
            region,
            endpoint: None,
            host,
            base_path,
        }
    }

    /// The bucket at another S3-compatible server, by path. An error names `variable`.
    pub fn at_endpoint(
        bucket: String,
        region: String,
        variable: &'static str,
        endpoint: &str,
    ) -> Result<Self, ConfigError> {
        let Endpoint { scheme, host, path } = Endpoint::parse(endpoint, &bucket)
            .map_err(|problem| ConfigError::new(variable, problem))?;
        let origin = format!("{scheme}://{host}");
        Ok(Self {
            base_path: format!("{path}/{bucket}/"),
            bucket,
            region,
            endpoint: Some([&origin, &*path].concat()),
            host,
            origin,
        })
    }

    /// The host that clients connect to, with its port unless that is the scheme's own.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Appends the encoded path of `key`.
    pub(crate) fn write_path(&self, key: &ObjectKey, out: &mut Vec<u8>) {
        out.extend_from_slice(self.base_path.as_bytes());
        out.extend_from_slice(encoded(key).as_bytes());
    }

    /// The URL that the table stores as `file_url` and presigning returns as `publicFileUrl`.
    #[must_use]
    pub fn public_url(&self, public: Option<&PublicBase>, key: &ObjectKey) -> String {
        public.map_or_else(|| self.object_url(key), |base| base.object_url(key))
    }

    /// The plain, unsigned URL of the bucket, with a slash at its end.
    #[must_use]
    pub fn bucket_url(&self) -> String {
        [&*self.origin, &self.base_path].concat()
    }

    /// The object as the source of a copy: bucket and key, encoded (S3 API reference,
    /// `x-amz-copy-source`).
    #[must_use]
    pub fn copy_source(&self, key: &ObjectKey) -> String {
        [&self.bucket, "/", &*encoded(key)].concat()
    }

    /// The plain, unsigned URL of an object.
    #[must_use]
    pub fn object_url(&self, key: &ObjectKey) -> String {
        [&self.origin, &self.base_path, &*encoded(key)].concat()
    }
}

/// The address under which files are publicly readable: a public bucket or a CDN.
#[derive(Clone, Debug)]
pub struct PublicBase(String);

impl PublicBase {
    /// Reads `PUBLIC_BASE_URL`. `None` if files are private.
    pub fn from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let Some(base) = env.optional("PUBLIC_BASE_URL") else {
            return Ok(None);
        };
        let base = base.trim().trim_end_matches('/');
        let host = base
            .strip_prefix("https://")
            .or_else(|| base.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', ' '])) {
            return Err(ConfigError::new(
                "PUBLIC_BASE_URL",
                "must be an http(s) address without a query",
            ));
        }
        Ok(Some(Self(base.to_owned())))
    }

    /// The public address of an object.
    #[must_use]
    pub fn object_url(&self, key: &ObjectKey) -> String {
        [&self.0, "/", &*encoded(key)].concat()
    }
}

/// The key in a path. Of the characters in a valid key, only `@` needs encoding, and the `!` of a
/// preview.
///
/// Every signed URL passes here, so the key is searched for one byte only. A set of characters would
/// take several times longer.
fn encoded(key: &ObjectKey) -> Cow<'_, str> {
    let key = key.as_str();
    if key.contains('@') || key.ends_with("/!preview") {
        Cow::Owned(key.replace('@', "%40").replace('!', "%21"))
    } else {
        Cow::Borrowed(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_core::{FileId, FileName, UserId};

    fn key() -> ObjectKey {
        let id = FileId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("an id");
        let owner = UserId::parse("a@b|c").expect("a sub");
        ObjectKey::new(owner, id, &FileName::parse("x.txt").expect("a name"))
    }

    #[test]
    fn a_region_that_is_no_host_name_fails_at_init() {
        let from = |region: &'static str, endpoint: Option<&'static str>| {
            Location::from_env(&Environment::new(move |name| match name {
                "S3_BUCKET_NAME" => Some("b".to_owned()),
                "AWS_REGION" => Some(region.to_owned()),
                "S3_ENDPOINT" => endpoint.map(str::to_owned),
                _ => None,
            }))
        };
        let error = from("eu-central-1 ", None).expect_err("a space");
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
        assert!(from("eusc-de-east-1", None).is_ok());
        // At other servers the region only appears in signatures.
        assert!(from("my region", Some("http://127.0.0.1:9000")).is_ok());
    }

    #[test]
    fn addresses() {
        let path = "a%40b~7Cc/01890a5d-ac96-774b-bcce-b302099a8057/x.txt";
        let aws = |bucket: &str, region: &str| {
            Location::at_aws(bucket.into(), region.into()).object_url(&key())
        };
        assert_eq!(
            aws("b", "eu-west-1"),
            format!("https://b.s3.eu-west-1.amazonaws.com/{path}")
        );
        assert_eq!(
            aws("b.c", "eu-west-1"),
            format!("https://s3.eu-west-1.amazonaws.com/b.c/{path}")
        );
        let at = |endpoint: &str| {
            Location::at_endpoint("b".into(), "auto".into(), "S3_ENDPOINT", endpoint)
                .map(|l| l.object_url(&key()))
        };
        assert_eq!(
            at("http://127.0.0.1:9000/"),
            Ok(format!("http://127.0.0.1:9000/b/{path}"))
        );
        assert_eq!(
            at("https://S3.example.com:443"),
            Ok(format!("https://s3.example.com/b/{path}"))
        );
        assert_eq!(
            at("https://example.com/s3"),
            Ok(format!("https://example.com/s3/b/{path}"))
        );
        for bad in [
            "127.0.0.1:9000",
            "ftp://x",
            "http://",
            "http://u:p@x",
            "http://x/?a",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
        // The endpoint of the SDK's requests has no bucket either.
        let normalised = Location::at_endpoint(
            "b".into(),
            "auto".into(),
            "S3_ENDPOINT",
            "https://Example.com/s3/b/",
        );
        let normalised = normalised.expect("an endpoint");
        assert_eq!(
            normalised.endpoint.as_deref(),
            Some("https://example.com/s3")
        );
        assert_eq!(
            normalised.object_url(&key()),
            format!("https://example.com/s3/b/{path}")
        );
    }

    #[test]
    fn three_variables_name_an_endpoint() {
        let location = |set: &[&str]| {
            let at = |name: &str| format!("https://{}.example", name.len());
            let basics = [
                ("S3_BUCKET_NAME", "b".to_owned()),
                ("AWS_REGION", "auto".to_owned()),
            ];
            let endpoints = set.iter().map(|name| (*name, at(name)));
            let env = basics.into_iter().chain(endpoints).collect();
            Location::from_env(&env).map(|location| location.endpoint)
        };
        let at = |host: &str| Ok(Some(format!("https://{host}.example")));
        assert_eq!(location(&ENDPOINTS), at("11"));
        assert_eq!(location(&ENDPOINTS[1..]), at("19"));
        assert_eq!(location(&ENDPOINTS[2..]), at("16"));
        assert_eq!(location(&[]), Ok(None));
    }
}
