//! Previews of pictures: bytes in, a small picture or a reason out, without I/O.
//!
//! The first bytes select the decoder: JPEG, PNG, WebP or GIF (its first frame). Nothing else is
//! decoded, whatever its name or its declared type is. HTML, SVG and PDF are never rendered.
//!
//! Memory is bounded by the decoders' largest buffers for [`MAX_PIXELS`], not by what a header
//! claims:
//!
//! - A JPEG is decoded at an eighth, a quarter or half of its size. The decoder then skips most of
//!   the inverse transform, and returns a picture of about the wanted size. A progressive one keeps
//!   all its coefficients, two bytes for each sample.
//! - A PNG is decoded row by row into a [`Grid`](grid::Grid), which averages squares of pixels.
//!   Interlaced rows arrive in another order, which the grid allows.
//! - WebP and GIF have no such decoder. Both fit as a whole.
//!
//! The grid, or the scaled JPEG, is then resampled with a Lanczos filter. Colours are averaged with
//! their alpha, so that transparent pixels have no weight. The only metadata of the result is the
//! colour profile. The orientation is applied to the pixels.
//!
//! Work is bounded too: a decoder runs through its input once, except for progressive JPEG, where
//! each scan of a few bytes may visit every block. The number of scans is therefore limited before
//! decoding ([`scans`](decode::scans)).

mod decode;
mod encode;
mod grid;
mod orientation;
mod pixels;

use std::fmt;

use decode::Decoded;

/// The longer side of a preview, in pixels.
pub const SIDE: u32 = 512;

/// The largest file that is decoded, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The largest number of pixels that is decoded. Cameras of "64 megapixels" have slightly more than
/// 64 million.
pub const MAX_PIXELS: u64 = 64 * 1024 * 1024;

/// The longest side that is decoded. It bounds a row: at most 2 MiB for a PNG of 16 bits. Only a PNG
/// can have more than 65,535 pixels a side.
pub const MAX_SIDE: u32 = 256 * 1024;

/// The format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// GIF.
    Gif,
}

impl Format {
    /// The number of first bytes that [`Format::of`] needs.
    pub const MAGIC: usize = 12;

    /// The format that the first bytes of a file have.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    /// The media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// Whether a file of this media type may be decoded.
    #[must_use]
    pub fn accepts(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Jpeg, Self::Png, Self::WebP, Self::Gif]
            .iter()
            .any(|format| essence.eq_ignore_ascii_case(format.content_type()))
    }
}

/// A preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// JPEG, or PNG if the picture has transparency.
    pub format: Format,
    /// The file.
    pub bytes: Vec<u8>,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
}

/// Why a file has no preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its first bytes are not those of a supported format.
    NotAPicture,
    /// It has too many bytes or pixels, or a side is too long.
    TooLarge,
    /// A variant that is not supported, such as arithmetic coding.
    Unsupported,
    /// It cannot be decoded completely.
    Broken(String),
}

impl Reason {
    /// A failed decoder, with what it reports.
    pub(crate) fn broken(error: impl fmt::Display) -> Self {
        let text = error.to_string();
        // A decoder's message may repeat bytes of the file.
        let printable = text.chars().filter(|c| (' '..='~').contains(c));
        Self::Broken(printable.take(120).collect())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPicture => f.write_str("not a picture of a supported format"),
            Self::TooLarge => f.write_str("too large"),
            Self::Unsupported => f.write_str("an unsupported variant of its format"),
            Self::Broken(detail) => write!(f, "broken: {detail}"),
        }
    }
}

impl std::error::Error for Reason {}

/// Makes the preview of a picture.
pub fn preview(file: &[u8]) -> Result<Preview, Reason> {
    if file.len() as u64 > MAX_BYTES {
        return Err(Reason::TooLarge);
    }
    let format = Format::of(file).ok_or(Reason::NotAPicture)?;
    let Decoded {
        source,
        width,
        height,
        orientation,
        profile,
    } = decode::decode(format, file)?;
    let (to_width, to_height) = fitted(width, height);
    let pixels = source
        .resized(width, height, to_width, to_height)?
        .oriented(orientation);
    encode::encode(pixels, profile.as_deref())
}

/// The size of the preview of a picture of this size.
fn fitted(width: u32, height: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= SIDE {
        return (width, height);
    }
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(SIDE) * 2 / u64::from(longer)).div_ceil(2);
        u32::try_from(rounded).unwrap_or(SIDE).clamp(1, SIDE)
    };
    (scaled(width), scaled(height))
}

/// Fails for a picture that is not decoded for its size.
fn check_size(width: u32, height: u32) -> Result<(), Reason> {
    if width == 0 || height == 0 {
        return Err(Reason::broken("it has no pixels"));
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Reason::TooLarge);
    }
    Ok(())
}
