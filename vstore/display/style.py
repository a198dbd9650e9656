"""The style of representations: scoped, in the colors of the notebook around them."""

from vstore.display.html import Markup

STYLE = Markup("""
.vstore-box{--vs-line:rgba(128,128,128,.32);--vs-soft:rgba(128,128,128,.1);--vs-accent:#2563a8;
--vs-added:#1a7f37;--vs-removed:#b42318;--vs-changed:#8a5a00;
color:var(--jp-content-font-color1,var(--vscode-editor-foreground,inherit));
font:13px/1.45 var(--jp-content-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);
max-width:100%;padding:2px 0;text-align:left}
@media (prefers-color-scheme:dark){.vstore-box{--vs-accent:#6cb0f5;--vs-added:#4ac26b;
--vs-removed:#ff8a80;--vs-changed:#e3b341}}
body[data-jp-theme-light="true"] .vstore-box,.vscode-light .vstore-box,
html[data-theme="light"] .vstore-box,body[data-theme="light"] .vstore-box{--vs-accent:#2563a8;
--vs-added:#1a7f37;--vs-removed:#b42318;--vs-changed:#8a5a00}
body[data-jp-theme-light="false"] .vstore-box,.vscode-dark .vstore-box,
html[data-theme="dark"] .vstore-box,body[data-theme="dark"] .vstore-box,
html[theme="dark"] .vstore-box{--vs-accent:#6cb0f5;--vs-added:#4ac26b;--vs-removed:#ff8a80;
--vs-changed:#e3b341}
.vstore-box .vstore-title{padding:3px 0 5px;border-bottom:1px solid var(--vs-line);
margin-bottom:6px;overflow-wrap:anywhere}
.vstore-box .vstore-kind{color:var(--vs-accent);font-weight:600}
.vstore-box .vstore-note{opacity:.75;font-size:12px;margin:3px 0}
.vstore-box .vstore-title .vstore-note{margin-left:10px}
.vstore-box .vstore-scroll{overflow-x:auto;max-width:100%}
.vstore-box table{border-collapse:collapse;border:0;margin:3px 0;width:auto;display:table;
font-size:12px;color:inherit;table-layout:auto}
.vstore-box tr{background:none!important;border:0}
.vstore-box td,.vstore-box th{border:0;padding:3px 10px 3px 0;text-align:left!important;
vertical-align:top;color:inherit;white-space:normal;max-width:36em;overflow-wrap:anywhere}
.vstore-box .vstore-grid td,.vstore-box .vstore-grid th{white-space:pre-wrap;overflow-wrap:normal}
.vstore-box .vstore-grid th{font-weight:600;opacity:.75;border-bottom:1px solid var(--vs-line);
vertical-align:bottom;white-space:nowrap}
.vstore-box .vstore-grid tbody tr:nth-child(even){background:var(--vs-soft)!important}
.vstore-box .vstore-grid tbody tr:hover{background:var(--vs-line)!important}
.vstore-box .vstore-facts td{max-width:60em}
.vstore-box .vstore-facts th{font-weight:400;opacity:.75;white-space:nowrap}
.vstore-box .vstore-number{text-align:right!important;font-variant-numeric:tabular-nums;
white-space:nowrap!important}
.vstore-box .vstore-code{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,
monospace);font-size:12px;background:var(--vs-soft);border-radius:3px;padding:0 4px;
color:inherit;user-select:all;overflow-wrap:anywhere}
.vstore-box pre{margin:0;padding:6px 8px;background:var(--vs-soft);color:inherit;
white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px;border-radius:3px;
user-select:text}
.vstore-box summary{cursor:pointer;padding:2px 0}
.vstore-box details>:not(summary){margin-left:14px}
.vstore-box img{display:block;margin:0;max-width:none;border-radius:2px;
background:var(--vs-soft)}
.vstore-box .vstore-pixels{image-rendering:pixelated}
.vstore-box svg{display:block}
.vstore-box .vstore-missing{opacity:.85;font-style:italic}
.vstore-box .vstore-added{color:var(--vs-added)}
.vstore-box .vstore-removed{color:var(--vs-removed)}
.vstore-box .vstore-changed{color:var(--vs-changed)}
.vstore-box .vstore-side{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
.vstore-box .vstore-draw{stroke:currentColor;fill:none;stroke-width:1}
.vstore-box .vstore-draw text{fill:currentColor;stroke:none;font-size:11px}
.vstore-box .vstore-fill{fill:var(--vs-accent);fill-opacity:.18;stroke:none}
.vstore-box .vstore-bar{fill:var(--vs-accent)}
.vstore-box .vstore-curve{fill:none;stroke:var(--vs-accent);stroke-width:1.3}
.vstore-box .vstore-thin{stroke-opacity:.35}
""")
