"""How the page looks: on a screen of any width, and on A4. Nothing is said by colour alone, and nothing is loaded."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light; --rule: #888; --faint: #f3f3f0; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; background: #fff; color: #111; overflow-wrap: anywhere;
  font: 1rem/1.45 "Source Sans 3", "Noto Sans", "DejaVu Sans", "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { margin: 0 0 .2rem; font-size: 1.5rem; line-height: 1.2; }
h2 { margin: 2.2rem 0 .6rem; padding-bottom: .15rem; border-bottom: 2px solid #111; font-size: 1.25rem; }
h3 { margin: 1.4rem 0 .4rem; font-size: 1.05rem; }
h4 { margin: 1rem 0 .3rem; font-size: .95rem; }
p { margin: .4rem 0; max-width: 46rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
a { color: inherit; }
nav { margin: .8rem 0 0; font-size: .85rem; }
code, pre { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace; font-size: .82em; }
.mark { display: inline-block; margin: 0 0 .6rem; padding: .1rem .6rem; border: 2px solid #111; font-weight: 700; letter-spacing: .06em; }
.verdict { margin: .8rem 0; padding: .7rem 1rem; border: 4px double #111; }
.verdict.undecided { border: 4px dashed #111; }
.verdict strong { display: block; font-size: 1.6rem; line-height: 1.2; letter-spacing: .02em; }
dl { margin: .3rem 0 .8rem; }
dl > div { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 0 .8rem; padding: .22rem 0; border-top: 1px solid #ccc; }
dl > div:first-child { border-top: 0; }
dt { font-weight: 600; }
dd { margin: 0; }
dd > strong { font-size: 1.08em; }
.address { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace; font-size: 1.02em; font-weight: 700;
  word-spacing: -.1em; }
.digest span { display: inline-block; margin-right: .45em; }
.words { display: grid; grid-template-columns: repeat(4, minmax(0, max-content)); gap: 0 1.4em; margin: .1rem 0 0; padding: 0;
  list-style: none; font-size: .92em; }
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
.ticks td, .ticks th { white-space: nowrap; }
.note { font-size: .88rem; color: #333; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) {
  body { padding: .7rem; }
  dl > div { grid-template-columns: 1fr; }
  .words { grid-template-columns: repeat(2, minmax(0, max-content)); }
}
@page { size: A4; margin: 15mm 14mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
@media print {
  body { max-width: none; padding: 0; font-size: 9pt; line-height: 1.32; }
  h1 { font-size: 15pt; }
  h2 { margin-top: 14pt; font-size: 12pt; break-after: avoid; }
  h3, h4 { break-after: avoid; }
  .front { break-after: page; }
  .verdict strong { font-size: 15pt; }
  nav { display: none; }
  dl > div { grid-template-columns: 31mm minmax(0, 1fr); break-inside: avoid; padding: 1.2pt 0; }
  .check, .elsewhere { font-size: 7pt; margin: .5pt 0 1pt; }
  table { font-size: 8pt; }
  .wide { overflow: visible; }
  tr, .verdict, .setup { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
