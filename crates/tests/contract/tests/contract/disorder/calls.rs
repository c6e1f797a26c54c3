//! Confirming, renaming and deleting files.

use std::collections::HashSet;

use serde_json::json;

use super::play::{Check, Play, USERS, metadata, name, same};

impl Play<'_> {
    pub(super) async fn save(&mut self, by: usize, file: usize) -> Check {
        let answer = self.app().save(USERS[by], &self.presigned[file]).await;
        let expected = self.model.save(by, file);
        same("save", &(answer.status, answer.code()), &expected)?;
        match self.model.files[file].live() {
            Some(stored) if expected.1.is_empty() => {
                self.is_shown(&answer.json["file"], file, stored)
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn rename(
        &mut self,
        by: usize,
        file: usize,
        new_name: Option<usize>,
        fields: Option<bool>,
    ) -> Check {
        let fields_of = |any: bool| if any { metadata() } else { json!({}) };
        let body = json!({
            "fileName": new_name.map(|variant| name(file, variant)),
            "metadata": fields.map(fields_of),
        });
        let answer = self.app().patch(USERS[by], self.id(file), body).await;
        let expected = self.model.rename(by, file, new_name, fields);
        same("rename", &(answer.status, answer.code()), &expected)?;
        match self.model.files[file].live() {
            Some(stored) if expected.1.is_empty() => {
                self.is_shown(&answer.json["file"], file, stored)
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn save_many(&mut self, by: usize, files: &[usize]) -> Check {
        let files: Vec<usize> = files.iter().filter_map(|file| self.file(*file)).collect();
        if files.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = files.iter().map(|file| self.key(*file)).collect();
        let body = json!({ "objectKeys": keys });
        let answer = self.app().post(USERS[by], "/save-metadata", body).await;
        let answer = answer.expect(200);
        // A repeated key has the same result each time.
        let mut once = files.clone();
        let mut seen = HashSet::new();
        once.retain(|file| seen.insert(*file));
        let codes = self.model.save_many(by, &once);
        let results = answer["results"].as_array().unwrap();
        same("results", &results.len(), &files.len())?;
        for (file, result) in files.into_iter().zip(results) {
            let at = once.iter().position(|one| *one == file).unwrap();
            let code = result["code"].as_str().unwrap_or_default();
            same("save many", &code, &codes[at])?;
            same("key", &result["objectKey"], &json!(self.key(file)))?;
            match self.model.files[file].live() {
                Some(stored) if code.is_empty() => self.is_shown(&result["file"], file, stored)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn delete_many(&mut self, by: usize, files: &[usize]) -> Check {
        let mut files: Vec<usize> = files.iter().filter_map(|file| self.file(*file)).collect();
        let ids: Vec<&str> = files.iter().map(|file| self.id(*file)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let answer = self
            .app()
            .post(USERS[by], "/files/delete", json!({ "ids": ids }))
            .await;
        // Each id has one result.
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(*file));
        let (deleted, missing): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| self.model.delete(by, **file));
        let ids = |files: &[usize]| {
            files
                .iter()
                .map(|file| self.id(*file).to_owned())
                .collect::<Vec<_>>()
        };
        let expected =
            json!({ "success": true, "deleted": ids(&deleted), "missing": ids(&missing) });
        same("delete many", &answer.expect(200), &expected)
    }
}
