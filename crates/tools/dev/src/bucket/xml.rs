//! The bodies of requests that configure a bucket.

use slipway_emulators::s3::CorsRule;

/// All four settings of "Block public access".
pub(super) const PRIVATE: &str = "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
    <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
    </PublicAccessBlockConfiguration>";

/// The region of a new bucket.
pub(super) fn location(region: &str) -> String {
    format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}\
         </LocationConstraint></CreateBucketConfiguration>",
        escaped(region)
    )
}

/// A CORS configuration with one rule.
pub(super) fn cors(rule: &CorsRule) -> String {
    let all = |name: &str, values: &[String]| -> String {
        let one = |value: &String| format!("<{name}>{}</{name}>", escaped(value));
        values.iter().map(one).collect()
    };
    format!(
        "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule>{}{}{}{}<MaxAgeSeconds>{}\
         </MaxAgeSeconds></CORSRule></CORSConfiguration>",
        all("AllowedOrigin", &rule.origins),
        all("AllowedMethod", &rule.methods),
        all("AllowedHeader", &rule.headers),
        all("ExposeHeader", &rule.exposed),
        rule.max_age
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_s3_reads_it() {
        let text = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let rule = CorsRule {
            origins: text(&["https://a.example", "https://b.example?&<"]),
            methods: text(&["PUT"]),
            headers: text(&["range"]),
            exposed: text(&["ETag"]),
            max_age: 9,
        };
        assert_eq!(
            cors(&rule),
            "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule>\
             <AllowedOrigin>https://a.example</AllowedOrigin><AllowedOrigin>https://b.example?&amp;&lt;</AllowedOrigin>\
             <AllowedMethod>PUT</AllowedMethod><AllowedHeader>range</AllowedHeader><ExposeHeader>ETag</ExposeHeader>\
             <MaxAgeSeconds>9</MaxAgeSeconds></CORSRule></CORSConfiguration>"
        );
    }
}
