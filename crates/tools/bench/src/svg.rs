//! SVG plots for light and dark pages, with a logarithmic scale.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 16.0;

/// A bar: its label, whether it is ours, and its value.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) value: f64,
}

/// Groups of bars with a heading each.
pub(crate) fn bars(title: &str, groups: &[(String, Vec<Bar>)]) -> String {
    let scale = Scale::of(
        groups
            .iter()
            .flat_map(|(_, bars)| bars)
            .map(|bar| bar.value),
    );
    let (mut body, mut y) = (String::new(), 40.0);
    for (heading, bars) in groups {
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            "<text class=\"h\" x=\"8\" y=\"{:.0}\">{heading}</text>",
            y + 14.0
        );
        y += 22.0;
        for bar in bars {
            let class = if bar.ours { "ours" } else { "theirs" };
            let (end, line) = (scale.at(bar.value), y + BAR - 4.0);
            let _ = writeln!(
                body,
                "<text x=\"{:.0}\" y=\"{line:.0}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT:.0}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{:.0}\"/>\
                 <text x=\"{:.1}\" y=\"{line:.0}\">{}</text>",
                LEFT - 8.0,
                bar.name,
                (end - LEFT).max(1.0),
                BAR - 3.0,
                end + 6.0,
                short(bar.value),
            );
            y += BAR;
        }
        y += 10.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {0:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n<style>text{{fill:#333}}.h{{font-weight:bold}}.g{{stroke:#9996}}.ours{{fill:#0a7}}.theirs{{fill:#79b}}\
         @media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>\n\
         <text class=\"h\" x=\"8\" y=\"20\" font-size=\"14\">{title} (a scale of powers of ten)</text>\n{1}{body}</svg>\n",
        y + 22.0,
        scale.grid(y),
    )
}

/// The x coordinate of a value. Powers of ten span the plot from edge to edge.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let ends = values.filter(|value| *value > 0.0);
        let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let low = low.log10().floor();
        Self {
            low,
            high: high.log10().ceil().max(low + 1.0),
        }
    }

    fn at(&self, value: f64) -> f64 {
        // Zero has no logarithm, so it gets no length.
        let power = value.log10().max(self.low);
        LEFT + (WIDTH - LEFT - RIGHT) * (power - self.low) / (self.high - self.low)
    }

    fn grid(&self, bottom: f64) -> String {
        let (mut grid, mut power) = (String::new(), self.low);
        while power <= self.high {
            let value = 10.0_f64.powf(power);
            let _ = writeln!(
                grid,
                "<line class=\"g\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"34\" y2=\"{bottom:.0}\"/>\
                 <text x=\"{0:.1}\" y=\"{1:.0}\" text-anchor=\"middle\">{2}</text>",
                self.at(value),
                bottom + 14.0,
                short(value),
            );
            power += 1.0;
        }
        grid
    }
}

fn short(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_bars_is_logarithmic() {
        let bar = |value| Bar {
            name: "a".to_owned(),
            ours: true,
            value,
        };
        let svg = bars(
            "t",
            &[(
                "h".to_owned(),
                vec![bar(0.0), bar(1.0), bar(10.0), bar(100.0)],
            )],
        );
        let widths: Vec<f64> = svg
            .split("width=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 4);
        assert!(widths[0] <= 1.0 && widths[1] <= 1.0, "{widths:?}");
        assert!((widths[3] - 2.0 * widths[2]).abs() < 0.2, "{widths:?}");
    }
}
