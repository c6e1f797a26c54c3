//! PNG, by rows: palettes, 16 bits and interlaced ones too. Of an animated one, the default image.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use super::{Decoded, Source};
use crate::grid::Grid;
use crate::orientation::Orientation;
use crate::{Reason, check_size};

/// The size of chunks that the decoder may keep, such as the profile. Rows come in addition.
const MAX_CHUNKS: usize = 32 * 1024 * 1024;

pub(crate) fn decode(file: &[u8]) -> Result<Decoded, Reason> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MAX_CHUNKS });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(Reason::broken)?;
    check_size(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(Reason::broken)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let channels = match reader.output_color_type().0 {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(Reason::Unsupported),
    };
    let mut grid = Grid::new(width, height, channels);
    let mut rows = rows(width, height, reader.info().interlaced);
    while let Some(row) = reader.next_row().map_err(Reason::broken)? {
        let Some((y, x, step)) = rows.next() else {
            return Err(Reason::broken("too many rows"));
        };
        grid.add(y, x, step, row.data());
    }
    let info = reader.info();
    let orientation = info.exif_metadata.as_deref().map(Orientation::of_exif);
    Ok(Decoded {
        source: Source::Grid(grid),
        width,
        height,
        orientation: orientation.unwrap_or_default(),
        profile: info.icc_profile.as_deref().map(<[u8]>::to_vec),
    })
}

/// The first column and row of each pass of Adam7, and the distance of its columns and rows.
const PASSES: [[u32; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// The rows in the order of the file: the row of the picture, the first column and the distance of
/// columns. A pass without pixels has no rows.
fn rows(width: u32, height: u32, is_interlaced: bool) -> impl Iterator<Item = (u32, u32, u32)> {
    let passes: &[[u32; 4]] = if is_interlaced {
        &PASSES
    } else {
        &[[0, 0, 1, 1]]
    };
    passes
        .iter()
        .filter(move |[x, ..]| *x < width)
        .flat_map(move |&[x, first, step, distance]| {
            (first..height)
                .step_by(distance as usize)
                .map(move |y| (y, x, step))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passes_have_each_pixel_once() {
        for (width, height) in [(1, 1), (3, 5), (5, 3), (8, 8), (17, 9)] {
            for is_interlaced in [false, true] {
                let mut seen: Vec<_> = rows(width, height, is_interlaced)
                    .flat_map(|(y, x, step)| (x..width).step_by(step as usize).map(move |x| (y, x)))
                    .collect();
                seen.sort_unstable();
                let all: Vec<_> = (0..height)
                    .flat_map(|y| (0..width).map(move |x| (y, x)))
                    .collect();
                assert_eq!(seen, all, "{width} by {height}");
            }
        }
    }
}
