//! Prints the copies that move a tutorial's objects to our keys, as shell commands.

use std::error::Error;
use std::io::Write;

use slipway_db::Db;
use slipway_db::migrations::TutorialCopy;

/// Prints one `aws s3 cp` for each object without a row. A repeated run prints the remaining ones.
pub(crate) async fn print(
    db: &Db,
    bucket: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut after = None;
    loop {
        let copies = db.tutorial_copies(after).await?;
        let Some(last) = copies.last() else {
            return Ok(());
        };
        after = Some(last.to.id());
        for copy in &copies {
            writeln!(out, "{}", line(bucket, copy))?;
        }
    }
}

fn line(bucket: &str, copy: &TutorialCopy) -> String {
    let from = quoted(&format!("s3://{bucket}/{}", copy.from));
    let to = quoted(&format!("s3://{bucket}/{}", copy.to));
    // base64url needs no quotes.
    let name = copy.file_name.to_metadata();
    format!("aws s3 cp {from} {to} --metadata name={name}")
}

/// Quotes `text` for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_key_for_nothing_else() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("'; rm -rf /"), r"''\''; rm -rf /'");
    }
}
