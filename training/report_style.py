"""How a report looks: light and dark, on a screen and on paper."""

from typing import Final

# The series' colours are Okabe & Ito's, told apart by colour-blind eyes, lightened for the dark.
STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #16202a; --soft: #566470; --line: #cfd6dc; --tint: #f3f6f8;
  --accent: #0072b2; --warm: #d55e00;
  --c0: #0072b2; --c1: #d55e00; --c2: #007a5a; --c3: #a63d7f; --c4: #8a6d00; --c5: #2b87b8;
  --c6: #4d4d4d; --c7: #7a4fb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #10161c; --ink: #e6ebef; --soft: #9fb0bd; --line: #33414c; --tint: #18212a;
    --accent: #56b4e9; --warm: #f0894a;
    --c0: #56b4e9; --c1: #f0894a; --c2: #2fbf95; --c3: #e089bd; --c4: #e0c04a; --c5: #9ad1f0;
    --c6: #b8b8b8; --c7: #b795ec;
  }
}
* { box-sizing: border-box; }
body {
  background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif;
  margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 3rem;
}
.kicker { color: var(--soft); font-size: .8rem; letter-spacing: .08em; margin: 0;
  text-transform: uppercase; }
h1 { font-size: 2rem; line-height: 1.15; margin: .1rem 0 .4rem; }
h2 { border-top: 1px solid var(--line); font-size: 1.25rem; margin: 2.6rem 0 .8rem;
  padding-top: 1.1rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .5rem; }
.lead { color: var(--soft); font-size: 1.05rem; margin: 0 0 1rem; max-width: 46rem; }
.notice { border-left: 4px solid var(--warm); background: var(--tint); margin: 0;
  padding: .45rem .9rem; }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr));
  margin: 0; }
.tile { background: var(--tint); border-radius: 8px; padding: .7rem 1rem; }
.tile dt { color: var(--soft); font-size: .85rem; }
.tile dd { margin: 0; }
.tile b { display: block; font-size: 1.9rem; font-variant-numeric: tabular-nums; line-height: 1.2; }
ul.says { font-size: 1.05rem; padding-left: 1.1rem; }
small { color: var(--soft); font-size: .8em; white-space: nowrap; }
.none { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums;
  margin: 1rem 0; width: 100%; }
caption { caption-side: bottom; color: var(--soft); font-size: .85rem; padding-top: .4rem;
  text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: right;
  vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--soft); font-size: .82rem; vertical-align: bottom; }
th[scope=row], thead th:first-child, td.says, .warm thead th:last-child { text-align: left; }
td small { display: block; }
td.says { color: var(--soft); font-size: .85rem; }
.heat td { --hue: var(--accent); }
.heat.warm td { --hue: var(--warm); }
.heat td[style] {
  background: color-mix(in srgb, var(--hue) calc(var(--s) * 55%), transparent);
}
.heat td[style] small { color: var(--ink); opacity: .8; }
.grid { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); }
figure { margin: 0 0 .6rem; }
figure svg { display: block; height: auto; width: 100%; }
figure svg text { fill: var(--ink); }
figcaption { color: var(--soft); font-size: .85rem; max-width: 40rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
.cards img { background: #000; border-radius: 6px; display: block; height: auto; width: 100%; }
code { font-size: .85em; overflow-wrap: anywhere; }
footer { border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem;
  margin-top: 3rem; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --tint: #f3f3f3;
    --accent: #0072b2; --warm: #d55e00; --c0: #0072b2; --c1: #d55e00; --c2: #007a5a;
    --c3: #a63d7f; --c4: #8a6d00; --c5: #2b87b8; --c6: #4d4d4d; --c7: #7a4fb5; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  figure, tr, .tile { break-inside: avoid; }
  .grid { grid-template-columns: 1fr 1fr; }
  .scroll { overflow: visible; }
}
"""
