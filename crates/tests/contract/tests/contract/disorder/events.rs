//! The webhook events in the model: one for each change of a row.

use super::content::Content;
use super::model::{DELETED, Model, Row, Stored, Why};

/// An event, with the file as the change left it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) file: usize,
    pub(crate) kind: &'static str,
    pub(crate) detail: Option<Why>,
    pub(crate) stored: Stored,
}

impl Model {
    /// Changes the row of a file, which has an event.
    pub(super) fn change(&mut self, at: usize, row: Row) {
        let file = &mut self.files[at];
        let (kind, detail, stored) = match &row {
            Row::Live(stored) => ("file.recorded", None, Some(stored)),
            Row::Tombstone { why: DELETED, .. } | Row::None => ("file.deleted", None, file.live()),
            Row::Tombstone { why, .. } => ("file.refused", Some(*why), file.object.as_ref()),
        };
        let event = Event {
            file: at,
            kind,
            detail,
            stored: stored.cloned().expect("a file that changes"),
        };
        // The result is about the bytes.
        let bytes = |row: &Row| match row {
            Row::Live(stored) => Some(stored.bytes),
            _ => None,
        };
        file.scan = file.scan.filter(|_| bytes(&row) == bytes(&file.row));
        file.row = row;
        self.events.push(event);
    }

    /// What `record-upload` does with a result of the scanner. A threat is final.
    pub(crate) fn scanned(&mut self, at: usize, bytes: Content, clean: bool) {
        self.event(at);
        let file = &mut self.files[at];
        let is_news = file.scan.is_none_or(|before| before && !clean);
        let stored = file.live().filter(|stored| stored.bytes == bytes);
        if let Some(stored) = stored.filter(|_| is_news).cloned() {
            file.scan = Some(clean);
            self.events.push(Event {
                file: at,
                kind: "file.scanned",
                detail: Some(if clean { "no_threats" } else { "threats" }),
                stored,
            });
        }
    }
}
