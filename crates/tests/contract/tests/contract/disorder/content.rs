//! The bytes of files: small pictures of two colours, and bytes that are not a picture.

/// The length of the shortest file that is not empty. A picture fits.
pub(crate) const UNIT: usize = 64;

/// Few and short, so that the same values recur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content {
    kind: u8,
    units: usize,
}

impl Content {
    /// Of the kind `a` or `b`, which are pictures, or `c`. Empty files are all the same.
    pub(crate) fn new(kind: u8, units: usize) -> Self {
        let kind = if units == 0 { b'c' } else { kind };
        Self { kind, units }
    }

    pub(crate) fn len(self) -> usize {
        self.units * UNIT
    }

    pub(crate) fn is_picture(self) -> bool {
        self.kind != b'c'
    }

    /// A GIF of one pixel, and then zeros, which decoders do not read.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = if self.is_picture() {
            let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
            gif.extend([self.kind, 0, u8::MAX - self.kind, 0, 0, 0]);
            gif.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;");
            gif
        } else {
            vec![self.kind; self.len()]
        };
        bytes.resize(self.len(), 0);
        bytes
    }
}

/// Name and fields of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// The name: 0 is the one that it was presigned with.
    pub(crate) name: usize,
    /// Whether it has fields of the application.
    pub(crate) metadata: bool,
}

/// The upload that a user requests.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent choice of the client"
)]
pub(crate) struct RequestedUpload {
    pub(crate) bytes: Content,
    /// Whether the length is given, and so signed.
    pub(crate) size: bool,
    /// Whether the checksum is given.
    pub(crate) checksum: bool,
    /// Whether the object may not be overwritten.
    pub(crate) once: bool,
    /// Whether it asks for the rule `small`.
    pub(crate) small: bool,
    /// Whether it has fields of the application.
    pub(crate) metadata: bool,
}
