"""How the page looks: on a screen of any width, and on A4. Nothing is said by colour alone, and nothing is loaded."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light; --rule: #888; --faint: #f3f3f0; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; background: #fff; color: #111; overflow-wrap: break-word;
  font: 1rem/1.45 "Liberation Sans", Arial, Helvetica, "DejaVu Sans", sans-serif; }
h1 { margin: 0 0 .2rem; font-size: 1.5rem; line-height: 1.2; }
h2 { margin: 2.2rem 0 .6rem; padding-bottom: .15rem; border-bottom: 2px solid #111; font-size: 1.25rem; }
h3 { margin: 1.4rem 0 .4rem; font-size: 1.05rem; }
h4 { margin: .9rem 0 .2rem; font-size: .92rem; }
h2 + h3 { margin-top: .5rem; }
p { margin: .4rem 0; max-width: 46rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
a { color: inherit; }
nav { margin: .8rem 0 0; font-size: .85rem; }
code, pre { font-family: "Liberation Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82em; }
.mark { display: inline-block; margin: 0 0 .6rem; padding: .1rem .6rem; border: 2px solid #111; font-weight: 700; letter-spacing: .06em; }
.verdict { margin: .8rem 0; padding: .7rem 1rem; border: 4px double #111; }
.verdict.undecided { border: 4px dashed #111; }
.verdict p { max-width: none; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 1.5rem; }
.pair h4 { margin-top: .3rem; }
.whole { max-width: none; }
.columns { columns: 2; column-gap: 1.5rem; }
.columns > div { break-inside: avoid; }
.verdict strong { display: block; font-size: 1.6rem; line-height: 1.2; letter-spacing: .02em; }
dl { margin: .3rem 0 .8rem; }
dl > div { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 0 .8rem; padding: .22rem 0; border-top: 1px solid #ccc; }
dl > div:first-child { border-top: 0; }
dt { font-weight: 600; }
dd { margin: 0; }
dd > strong { font-size: 1.08em; }
.address { font-family: "Liberation Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 1.02em; font-weight: 700;
  word-spacing: -.1em; }
.digest span { display: inline-block; margin-right: .45em; }
.words { display: grid; grid-template-columns: repeat(4, minmax(0, max-content)); gap: 0 1em; margin: .1rem 0 0; padding: 0;
  list-style: none; font-size: .82em; }
.words li { white-space: nowrap; }
.check, .elsewhere { margin: .15rem 0 .3rem; padding: .05rem 0 .05rem .5rem; border-left: 2px solid var(--rule); color: #333;
  font-size: .82rem; line-height: 1.35; white-space: pre-wrap; user-select: all; -webkit-user-select: all; }
.elsewhere { border-left-style: dotted; }
.setup { padding: .5rem .7rem; border: 1px solid var(--rule); background: var(--faint); }
.wide { margin: .3rem 0 .6rem; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; line-height: 1.35; }
th, td { padding: .22rem .5rem .22rem 0; border-top: 1px solid #ccc; text-align: left; vertical-align: top; }
thead th { border-top: 0; border-bottom: 1px solid #111; font-size: .82rem; }
tbody th { font-weight: 600; overflow-wrap: normal; }
.ticks td, .ticks tbody th { white-space: nowrap; }
.steps th:first-child { width: 17%; }
.steps td + td, .health td + td { overflow-wrap: anywhere; }
.plain { font-weight: 400; }
.note { font-size: .88em; color: #333; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) {
  body { padding: .7rem; }
  dl > div, .pair { grid-template-columns: minmax(0, 1fr); }
  .columns { columns: 1; }
  .words { font-size: .92em; grid-template-columns: repeat(2, minmax(0, max-content)); }
}
@page { size: A4; margin: 12mm 14mm 14mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
@media print {
  body { max-width: none; padding: 0; font-size: 8.4pt; line-height: 1.27; }
  h1 { font-size: 15pt; }
  h2 { margin: 9pt 0 3pt; font-size: 11.5pt; border-bottom-width: 1pt; break-after: avoid; }
  h3 { margin: 5pt 0 2pt; font-size: 9.4pt; break-after: avoid; }
  h4 { margin: 4pt 0 1pt; font-size: 8.4pt; break-after: avoid; }
  .verdict { margin: 4pt 0; padding: 4pt 8pt; }
  .verdict p { margin: 2pt 0; }
  .words { font-size: 7.4pt; gap: 0 .8em; }
  .mark { margin-bottom: 3pt; }
  dl { margin: 1pt 0 3pt; }
  p { margin: 2pt 0; }
  .verdict strong { font-size: 15pt; }
  nav { display: none; }
  dl > div { grid-template-columns: 31mm minmax(0, 1fr); break-inside: avoid; padding: .8pt 0; }
  .check, .elsewhere { font-size: 6.6pt; line-height: 1.25; margin: .5pt 0 1pt; }
  table { font-size: 7.8pt; line-height: 1.25; }
  thead th { font-size: 7.4pt; }
  .wide { overflow: visible; }
  th, td { padding: 1.1pt 5pt 1.1pt 0; }
  tr, .verdict, .setup { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
