/** The look, in the fonts and colours of the page. `::part(…)` and the custom properties change it. */
export const STYLE = `
:host { display: block; font: inherit; color: inherit; }
:host([hidden]) { display: none; }
.zone { border: 2px dashed var(--slipway-border, #8886); border-radius: .5rem; padding: 1.5rem; text-align: center; }
.zone.over { border-color: var(--slipway-accent, #0a66c2); }
.choose { position: relative; display: inline-block; padding: .5rem 1rem; border-radius: .375rem; cursor: pointer;
  background: var(--slipway-accent, #0a66c2); color: var(--slipway-on-accent, #fff); }
.choose:focus-within { outline: 2px solid currentColor; outline-offset: 2px; }
input { position: absolute; inset: 0; opacity: 0; cursor: pointer; width: 100%; }
ul { list-style: none; margin: 1rem 0 0; padding: 0; }
ul:empty { display: none; }
li { display: grid; grid-template-columns: 1fr auto; gap: .25rem .75rem; padding: .5rem 0; align-items: center; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.status { grid-column: 1; font-size: .875em; opacity: .8; }
.actions { grid-row: 1 / span 2; grid-column: 2; }
button { font: inherit; min-height: 2.25rem; cursor: pointer; }
progress { grid-column: 1 / -1; width: 100%; accent-color: var(--slipway-accent, #0a66c2); }
`;
