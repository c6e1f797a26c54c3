//! WebP, lossy and lossless. Of an animated one, the first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::{Decoded, Source};
use crate::orientation::Orientation;
use crate::{MAX_BYTES, Reason, check_size, grid};

pub(crate) fn decode(file: &[u8]) -> Result<Decoded, Reason> {
    // The decoder reads what is there of a file that was cut off.
    let declared = file.get(4..8).and_then(|bytes| bytes.try_into().ok());
    let declared = u64::from(declared.map_or(0, u32::from_le_bytes)) + 8;
    if declared > file.len() as u64 {
        return Err(Reason::broken("it has no end"));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    decoder.set_memory_limit(usize::try_from(MAX_BYTES).unwrap_or(usize::MAX));
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let size = decoder.output_buffer_size().ok_or(Reason::TooLarge)?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(reason)?;
    let exif = decoder.exif_metadata().map_err(reason)?;
    Ok(Decoded {
        source: Source::Grid(grid::of_rows(width, height, channels, &data)),
        width,
        height,
        orientation: exif
            .as_deref()
            .map(Orientation::of_exif)
            .unwrap_or_default(),
        profile: decoder.icc_profile().map_err(reason)?,
    })
}

fn reason(error: DecodingError) -> Reason {
    match error {
        DecodingError::UnsupportedFeature(_) => Reason::Unsupported,
        error => Reason::broken(error),
    }
}
