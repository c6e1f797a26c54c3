//! Explains why a token was refused, from the token and the response. It does not verify the
//! signature.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::fault::{self, DoctorFault};
use super::http::HttpResponse;
use super::target::Target;

/// The fault behind a 401 or 403, and a description.
pub(crate) fn diagnose(target: &Target, answer: &HttpResponse) -> (DoctorFault, String) {
    // API Gateway itself sends {"message": …}; a function sends a code.
    let by_function = answer.json()["code"].is_string();
    let who = if by_function {
        "the function"
    } else {
        "API Gateway"
    };
    let words = answer.header("www-authenticate").filter(|_| !by_function);
    let words = words.map_or_else(
        || answer.summary(),
        |words| format!("{}, {words}", answer.summary()),
    );
    let (fault, why) = match parts(&target.token) {
        None => (fault::TOKEN_MALFORMED, "it is not a JWT".to_owned()),
        // The functions answer 403 to the doctor's requests only if the token names no owner.
        Some(_) if by_function && answer.status == 403 => {
            (fault::TOKEN_OWNER, "it names no owner of files".to_owned())
        }
        Some((header, claims)) => claims_fault(target, &claims)
            .or_else(|| algorithm_fault(&header, by_function))
            .unwrap_or_else(|| by_refusal(answer)),
    };
    (fault, format!("{who} refuses the token: {why} ({words})"))
}

/// Header and claims.
fn parts(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.');
    let mut part = || {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let (header, claims) = (part()?, part()?);
    (parts.count() == 1 && claims.is_object()).then_some((header, claims))
}

fn claims_fault(target: &Target, claims: &Value) -> Option<(DoctorFault, String)> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()?
        .as_secs_f64();
    for name in [target.owner_claim.as_str(), "iss", "exp"] {
        if claims[name].is_null() {
            let fault = match name {
                "sub" | "iss" | "exp" => fault::TOKEN_CLAIMS,
                _ => fault::TOKEN_OWNER,
            };
            return Some((fault, format!("it has no {name}")));
        }
    }
    let ago = |seconds: f64| format!("{:.0} minutes", (seconds / 60.0).abs());
    if let Some(exp) = claims["exp"].as_f64().filter(|exp| *exp <= now) {
        return Some((
            fault::TOKEN_EXPIRED,
            format!("it expired {} ago", ago(now - exp)),
        ));
    }
    // The functions allow this difference between clocks.
    for name in ["nbf", "iat"] {
        if let Some(early) = claims[name].as_f64().filter(|time| *time > now + 60.0) {
            let why = format!("it is valid only in {} ({name})", ago(early - now));
            return Some((fault::TOKEN_EARLY, why));
        }
    }
    if let Some(issuer) = target
        .issuer
        .as_deref()
        .filter(|issuer| claims["iss"] != *issuer)
    {
        let why = format!("its issuer is {}, and {issuer} is expected", claims["iss"]);
        return Some((fault::TOKEN_ISSUER, why));
    }
    let expected = target.audience.as_deref()?;
    let is_meant = |claim: &Value| match claim {
        Value::Array(all) => all.iter().any(|one| one == expected),
        one => one == expected,
    };
    if !is_meant(&claims["aud"]) && !is_meant(&claims["client_id"]) {
        let why = format!(
            "its audience is {}, and {expected} is expected",
            claims["aud"]
        );
        return Some((fault::TOKEN_AUDIENCE, why));
    }
    None
}

fn algorithm_fault(header: &Value, by_function: bool) -> Option<(DoctorFault, String)> {
    let algorithm = header["alg"].as_str().unwrap_or("none");
    let known: &[&str] = if by_function {
        &["RS256", "ES256", "ES384", "EdDSA", "Ed25519", "HS256"]
    } else {
        &["RS256", "RS384", "RS512"]
    };
    let why = format!("it is signed with {algorithm}, which is not accepted here");
    (!known.contains(&algorithm)).then_some((fault::TOKEN_ALGORITHM, why))
}

/// The reason that the response gives, if the token looks valid.
fn by_refusal(answer: &HttpResponse) -> (DoctorFault, String) {
    let json = answer.json();
    let said = json["error"].as_str().unwrap_or_default();
    for (mark, fault) in [
        ("expired", fault::TOKEN_EXPIRED),
        ("not valid yet", fault::TOKEN_EARLY),
        ("issuer", fault::TOKEN_ISSUER),
        ("audience", fault::TOKEN_AUDIENCE),
        (" claim", fault::TOKEN_CLAIMS),
        ("sub must be", fault::TOKEN_CLAIMS),
    ] {
        if said.contains(mark) {
            return (fault, "its claims are not those expected".to_owned());
        }
    }
    if answer.status == 403 {
        return (fault::TOKEN_FORBIDDEN, "it lacks a permission".to_owned());
    }
    let why =
        "its claims look right, so its signature or algorithm does not match the configured key";
    (fault::TOKEN_KEY, why.to_owned())
}
