//! The rules of `maintain`, of a recovery and of time in the model.

use super::model::{AGE, File, Model, Outcome, Row};

impl Model {
    /// The bucket is restored by copy: its objects appear as written now.
    pub(crate) fn restore(&mut self) {
        for object in self
            .files
            .iter_mut()
            .filter_map(|file| file.object.as_mut())
        {
            object.second = self.second;
        }
    }

    /// The database is lost, and migrated again. There are no rows, not even tombstones.
    pub(crate) fn lose_database(&mut self) {
        for file in &mut self.files {
            file.row = Row::None;
            file.scan = None;
        }
        self.events.clear();
        self.removed = 0;
    }

    /// More than a day and a half pass.
    pub(crate) fn age(&mut self) {
        self.second += AGE;
        self.removed = 0;
        for file in &mut self.files {
            file.url = false;
            if let Row::Tombstone { old, .. } = &mut file.row {
                *old = true;
            }
        }
    }

    /// The first task of `maintain`: removes the objects of tombstones, and drops old tombstones
    /// without an object.
    pub(crate) fn finish_deletes(&mut self) {
        for file in &mut self.files {
            let Row::Tombstone { old, removed, .. } = &mut file.row else {
                continue;
            };
            if !*removed {
                file.object = None;
                *removed = true;
            }
            // An object that exists again is removed now, and its tombstone in the next run.
            if *old && file.object.take().is_none() {
                file.row = Row::None;
            }
        }
    }

    /// The second task of `maintain`: bucket and table agree, except for what only `--force`
    /// destroys.
    pub(crate) fn reconcile(&mut self, force: bool) {
        for file in &mut self.files {
            if let Row::Tombstone { removed, .. } = &mut file.row
                && file.object.take().is_some()
            {
                *removed = true;
            }
        }
        let unrecorded = |file: &File| file.object.is_some() && file.row == Row::None;
        let differing = |file: &File| {
            file.live().is_some_and(|row| {
                file.object
                    .as_ref()
                    .is_some_and(|object| !object.is_listed_as(row))
            })
        };
        let (mut large, mut over) = (Vec::new(), Vec::new());
        for kind in [self.in_key_order(unrecorded), self.in_key_order(differing)] {
            let mut growing = Vec::new();
            for at in kind {
                let object = self.files[at].object.clone().unwrap();
                // A file that was accepted before must not be refused now.
                let young = object.second >= self.young;
                if young && self.broken(at, &object).is_some() {
                    large.push(at);
                } else if young && object.bytes.len() > self.files[at].size() {
                    growing.push(at);
                } else {
                    self.change(at, Row::Live(object));
                }
            }
            for at in growing {
                let object = self.files[at].object.clone().unwrap();
                if self.is_over_quota(at, &object) {
                    over.push(at);
                } else {
                    self.change(at, Row::Live(object));
                }
            }
        }
        // One percent of so few rows is one row in 24 hours.
        let allowed = if force {
            usize::MAX
        } else {
            1_usize.saturating_sub(self.removed)
        };
        let mut refusable = large;
        refusable.extend(over);
        refusable.truncate(allowed);
        let mut removed = 0;
        for at in refusable {
            removed += usize::from(matches!(self.record(at), Outcome::Gone(_)));
        }
        let mut missing = self.in_key_order(|file| file.live().is_some() && file.object.is_none());
        missing.truncate(allowed - removed);
        removed += missing.len();
        for at in missing {
            self.change(at, Row::None);
        }
        if !force {
            self.removed += removed;
        }
    }

    fn in_key_order(&self, wanted: impl Fn(&File) -> bool) -> Vec<usize> {
        let all = 0..self.files.len();
        let mut found: Vec<usize> = all.filter(|at| wanted(&self.files[*at])).collect();
        found.sort_by_key(|at| (self.files[*at].user, *at));
        found
    }
}
