//! All faults: a stable name for each, and what to do.

/// A kind of fault. `docs/doctor.md` explains each, and a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DoctorFault {
    pub(crate) name: &'static str,
    pub(crate) advice: &'static str,
}

macro_rules! faults {
    ($($constant:ident $name:literal $advice:literal)*) => {
        $(pub(crate) const $constant: DoctorFault = DoctorFault { name: $name, advice: $advice };)*

        /// All faults.
        pub(crate) const ALL: &[DoctorFault] = &[$($constant),*];
    };
}

faults! {
    API_UNREACHABLE "api_unreachable"
        "Check ApiUrl in the outputs, DNS and the network from here. On this machine: is `cargo dev` running?"
    API_NOT_SLIPWAY "api_not_slipway"
        "Point it at Slipway's own URL: the output ApiUrl, with its stage if it has one, and no path of your own."
    API_OPEN "api_open"
        "Take the API off the net until it asks for a token: put the authorizer on every route, and see that no proxy \
         in front of it adds one."
    API_FAILING "api_failing"
        "Read the function's log around now: a function that cannot start names the variable that is missing or \
         wrong. Then see its memory, timeout, concurrency and VPC."
    API_CORS "api_cors"
        "Add the origin, exactly as browsers send it (scheme, host, port, no slash at the end), to AllowedOrigins and \
         deploy; the methods GET, POST, PATCH, DELETE and the headers authorization, content-type must be allowed."
    TOKEN_MALFORMED "token_malformed"
        "Give a JWT: three parts with dots between, the access or id token that your application sends, without `Bearer`."
    TOKEN_EXPIRED "token_expired"
        "Sign in again for a fresh token. If it was fresh, the issuer's clock is wrong."
    TOKEN_EARLY "token_early"
        "Wait until its nbf has passed, or set the clock of the server that made it: the functions allow a minute."
    TOKEN_ISSUER "token_issuer"
        "Use a token of the issuer that JWT_ISSUER (JwtIssuer) names, or correct that; the two must be equal to the \
         last slash."
    TOKEN_AUDIENCE "token_audience"
        "Ask your identity provider for a token with the aud that JWT_AUDIENCE (JwtAudience) names, or correct that. \
         Cognito: access tokens carry client_id in its place, which only API Gateway's authorizer accepts."
    TOKEN_CLAIMS "token_claims"
        "Make tokens with sub (1 to 255 bytes), iss, aud and exp: all four are required."
    TOKEN_OWNER "token_owner"
        "Use a token with the claim that OWNER_CLAIM (OwnerClaim) names, a string of 1 to 255 bytes: sign in to an \
         organisation, or let the identity provider write the claim into the tokens that your application sends."
    TOKEN_ALGORITHM "token_algorithm"
        "Sign tokens with the algorithm of the configured key: RS256 behind API Gateway; else by the key, RSA: RS256, \
         EC: ES256 or ES384, Ed25519: EdDSA, JWT_SECRET: HS256. JWT_KEYS: by the key that the token's kid names."
    TOKEN_KEY "token_key"
        "Compare JWT_PUBLIC_KEY, JWT_SECRET or JWT_KEYS with the key that signs your tokens: it was made by another key, \
         for another deployment, or the key has been rotated. With JWT_KEYS, the token's kid must be the kid of a key in \
         it. Behind API Gateway: the issuer's published keys."
    TOKEN_FORBIDDEN "token_forbidden"
        "See which scopes the authorizer's routes ask for, and give the token those, or ask for none."
    TOKEN_QUOTA "token_quota"
        "Use a token of a user who has room, or delete some of this user's files: the round trip needs a few bytes."
    CLOCK "clock"
        "Set the clock that is off (NTP): S3 refuses signatures that are 15 minutes away from its own time, and tokens \
         are checked to the second."
    DATABASE_URL "database_url"
        "Correct DATABASE_URL as it says; paste it as your provider prints it."
    DATABASE_UNREACHABLE "database_unreachable"
        "See that Postgres runs, that host and port are right, and that this machine (and the functions' VPC, security \
         group or your provider's list of addresses) may reach it."
    DATABASE_TLS "database_tls"
        "Give the server's CA (sslrootcert, or SSL_CERT_FILE), use the host name that its certificate holds, and see \
         that it offers TLS at all."
    DATABASE_LOGIN "database_login"
        "Correct user, password and database name in DATABASE_URL; after a rotation, deploy with the new secret."
    DATABASE_FULL "database_full"
        "Postgres has no connection, memory or disk left; its own words above say which. Connections: lower \
         ReservedConcurrency, go through a pooler, or raise max_connections. Disk: make it larger, then see \
         docs/postgres.md for what takes the room."
    DATABASE_READ_ONLY "database_read_only"
        "Point DATABASE_URL at the primary: this server takes no writes. If it is the primary, see whether its provider \
         has made it read-only because the disk is full."
    SCHEMA_MISSING "schema_missing"
        "Run `migrate` with this DATABASE_URL; if you have, this is another database, or another search_path."
    SCHEMA_FOREIGN "schema_foreign"
        "Use another database or schema, or `migrate --import-tutorial-table` where the table is a tutorial's."
    SCHEMA_BEHIND "schema_behind"
        "Run `migrate` of this version before its functions are deployed."
    SCHEMA_AHEAD "schema_ahead"
        "Use the newer code that has migrated this database, here and in the functions; the schema never goes back."
    SCHEMA_CHANGED "schema_changed"
        "Restore the migration's file as it was applied, and make the change a migration of its own."
    ROLE_MISSING "role_missing"
        "Run `migrate`: it makes the roles. They belong to the cluster, so a restored dump may lack them."
    ROLE_NOT_GRANTED "role_not_granted"
        "Run `migrate` with the functions' own login, or as its owner: GRANT slipway_app, slipway_maintain TO the login \
         (WITH SET TRUE from Postgres 16 on)."
    ROLE_BYPASSES "role_bypasses"
        "ALTER ROLE slipway_app NOSUPERUSER NOBYPASSRLS, and slipway_maintain likewise: without it one user may see \
         another's files."
    ROW_SECURITY_OFF "row_security_off"
        "ALTER TABLE … ENABLE ROW LEVEL SECURITY on the tables named, and let neither role own them: without it one \
         user may see another's files."
    API_DATABASE "api_database"
        "The functions cannot work with their database: run this with DATABASE_URL set to see why, or read the log of \
         `files` around now."
    S3_UNREACHABLE "s3_unreachable"
        "See that S3_ENDPOINT and AWS_REGION are right and that this machine reaches them; on AWS, that the bucket's \
         name is right and DNS works."
    S3_BUCKET_MISSING "s3_bucket_missing"
        "Create the bucket, or correct S3_BUCKET_NAME."
    S3_CREDENTIALS "s3_credentials"
        "Correct the credentials that the functions sign with: AWS_ACCESS_KEY_ID with its own AWS_SECRET_ACCESS_KEY (and \
         session token). On Lambda leave all three to the role; a proxy that changes Host breaks signatures too."
    S3_EXPIRED "s3_expired"
        "The session that signed has ended, or the URL took too long to be used: fresh credentials, or a longer \
         UPLOAD_URL_SECONDS."
    S3_DENIED "s3_denied"
        "Allow it: the role of the function that signed needs s3:PutObject (presign) and s3:GetObject (files) on the \
         bucket's objects; then look for a Deny in the bucket's policy, an SCP or a VPC endpoint's policy."
    S3_REGION "s3_region"
        "Set AWS_REGION to the bucket's own region, or S3_ENDPOINT to the place that has it."
    S3_KMS "s3_kms"
        "Allow the functions' roles kms:GenerateDataKey and kms:Decrypt on the bucket's key, and see that it is enabled."
    S3_REFUSES "s3_refuses"
        "Look S3's error code up: nothing here knows it."
    S3_CHECKSUM "s3_checksum"
        "This S3-compatible server stores bytes that do not fit their signed checksum: nothing guards uploads against \
         damage on the way."
    S3_TYPE "s3_type"
        "This S3-compatible server accepts another Content-Type than was signed: use one that verifies signed headers."
    S3_METADATA "s3_metadata"
        "This S3-compatible server drops x-amz-meta-* parameters of a signed URL. Files are recorded under the short name in \
         their key, and everything else that uploads carry there is lost as well: use another server (docs/servers.md)."
    BUCKET_CORS "bucket_cors"
        "Put a CORS rule on the bucket with this origin, the methods PUT, GET, HEAD, and the headers content-type, \
         if-none-match, range, if-range, x-amz-checksum-*; `cargo dev bucket` does it on servers other than AWS."
    BUCKET_ETAG "bucket_etag"
        "Add ETag to ExposeHeaders of the bucket's CORS rule, for clients that read it."
    BUCKET_PUBLIC "bucket_public"
        "Block public access on the bucket and remove the statement or ACL that lets everybody read: anyone who has or \
         guesses a key reads the file."
    BUCKET_PLAIN_HTTP "bucket_plain_http"
        "Add the Deny on aws:SecureTransport = false to the bucket's policy."
    SAVE_FAILS "save_fails"
        "Read the log of `save-metadata` around now: its role needs s3:GetObject on the objects and s3:ListBucket on the \
         bucket, the same S3_BUCKET_NAME as `presign`, and a way to S3 from its VPC."
    API_UNAVAILABLE "api_unavailable"
        "What stands behind this function did not answer, or answered that it cannot now: it is not a missing permission. \
         Postgres first: `GET /usage` only reads, so its disk may be full, or it takes no writes, or a lock is held: run \
         this with DATABASE_URL set. Then the way from the function's VPC to S3. The function's log has the `cause`."
    LIST_FAILS "list_fails"
        "Read the log of `files` around now."
    READ_FAILS "read_fails"
        "What was uploaded cannot be read back as it was: read S3's code above, the role of `files` needs s3:GetObject; \
         with PUBLIC_BASE_URL, see that the CDN reads this very bucket."
    DOWNLOAD_NAME "download_name"
        "S3 does not answer with the signed response-content-disposition: an S3-compatible server or a CDN drops it."
    DELETE_FAILS "delete_fails"
        "Read the log of `delete` around now: its role needs s3:DeleteObject. `maintain` finishes what is left."
    EVENTS_MISSING "events_missing"
        "Follow the event: the bucket's notification, the EventBridge rule, the queue and its policy, the dead-letter \
         queue, the log of `record-upload`. Until then `save-metadata` alone, or a run of `maintain`, records files."
    WEBHOOK_UNREACHABLE "webhook_unreachable"
        "See that the application runs at WEBHOOK_URL and is reachable from the internet: a deployment cannot reach this \
         machine."
    WEBHOOK_UNVERIFIED "webhook_unverified"
        "Verify webhook-signature before anything else, as docs/recipes.md does: anyone can send this application events."
    WEBHOOK_REDIRECTS "webhook_redirects"
        "Set WEBHOOK_URL to the address that it redirects to: redirects are not followed. Often https or the last slash \
         is missing."
    WEBHOOK_FAILS "webhook_fails"
        "Give the application a route for POST at WEBHOOK_URL that answers 2xx to events with a right signature, and 4xx \
         to others."
    LEFT_BEHIND "left_behind"
        "Delete it by the API when that works again: `maintain` records it under the token's user meanwhile."
    ELSEWHERE "elsewhere"
        "The outputs and the functions name different buckets: see that the outputs are of this deployment, and this \
         stage of it."
}

/// The fault with this name.
pub(crate) fn named(name: &str) -> Option<DoctorFault> {
    ALL.iter().copied().find(|fault| fault.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn the_guide_explains_each_fault_and_no_other() {
        let guide = include_str!("../../../../../docs/doctor.md");
        let explained: BTreeSet<&str> = guide
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .collect();
        let named: BTreeSet<&str> = ALL.iter().map(|fault| fault.name).collect();
        assert_eq!(explained, named);
        assert_eq!(named.len(), ALL.len(), "each name once");
    }
}
