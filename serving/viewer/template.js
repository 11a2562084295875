/** The viewer's markup: texts are filled in by language, icons by name. */

const tool = (/** @type {string} */ action, key = "", extra = "") =>
  `<button type="button" class="tool" data-action="${action}" data-icon="${action}" ` +
  `data-label="action.${action}" data-key="${key}"${extra}></button>`;

const control = (/** @type {string} */ action, /** @type {string} */ key, extra = "") =>
  `<button type="button" class="control" data-action="${action}" data-icon="${action}" ` +
  `data-label="action.${action}" data-key="${key}"${extra}>` +
  `<span data-text="action.${action}"></span><kbd aria-hidden="true">${key}</kbd></button>`;

const choice = (/** @type {string} */ kind) =>
  `<button type="button" class="choice" data-source="${kind}" data-icon="${kind}">` +
  `<strong data-text="open.${kind}"></strong><small data-text="open.${kind}-hint"></small></button>`;

export const TEMPLATE = `
<div class="app" part="app">
  <div class="head">
    <div class="brand">
      <strong>EndoLink</strong>
      <span class="badge sample" hidden data-text="sample.badge"></span>
      <span class="badge name" hidden></span>
    </div>
    <div class="lamp" data-state="connecting" role="status" aria-live="polite" aria-atomic="true">
      <span class="lamp-shape"></span><strong class="lamp-word"></strong>
      <span class="lamp-reason"></span>
    </div>
    <div class="tools">
      <button type="button" class="chip" data-action="link" data-icon="link" aria-expanded="false"
        data-label="action.link" data-key="D"><span class="chip-age"></span></button>
      ${tool("open", "O")}
      ${tool("report", "R")}
      <button type="button" class="tool" data-action="sound" aria-pressed="false"
        data-label="action.sound" data-key="A"></button>
      <button type="button" class="tool word" data-action="language" data-key="L"
        data-label="action.language-label" data-text="action.language"></button>
      ${tool("help", "?")}
      <button type="button" class="tool" data-action="who" data-icon="who" data-label="action.who" hidden></button>
      ${tool("fullscreen", "X")}
    </div>
  </div>

  <section class="stage" data-label="app.name">
    <div class="picture">
      <video playsinline muted disablepictureinpicture tabindex="-1"></video>
      <canvas class="still" hidden></canvas>
      <canvas class="frozen" hidden></canvas>
      <canvas class="heat" hidden></canvas>
      <div class="marks" aria-hidden="true"></div>
    </div>
    <div class="edge" aria-hidden="true"></div>
    <div class="drop" hidden><span data-text="open.drop"></span></div>
    <div class="first" hidden>
      <span class="first-yours" data-text="sample.yours"></span><span class="first-what" data-text="open.title"></span>
      <button type="button" data-source="file" data-icon="file"><span data-text="open.file"></span></button>
      <button type="button" data-source="folder" data-icon="folder"><span data-text="open.folder"></span></button>
      <button type="button" data-source="camera" data-icon="camera"><span data-text="open.camera"></span></button>
      <button type="button" data-source="screen" data-icon="screen"><span data-text="open.screen"></span></button>
      <button type="button" data-source="sample" data-icon="sample"><span data-text="open.sample"></span></button>
    </div>
  </section>

  <aside class="side" data-label="panel.findings">
    <div class="call" data-on="false">
      <p class="call-word" role="alert" aria-atomic="true"></p>
      <p class="call-where"></p>
      <p class="call-quiet"></p>
    </div>
    <section class="findings">
      <h2><span data-text="panel.findings"></span> <small class="findings-of"></small></h2>
      <ul class="bars"></ul>
      <p class="hint findings-hint" hidden></p>
    </section>
    <section class="summary">
      <h2 data-text="session.title"></h2>
      <dl class="figures"></dl>
    </section>
    <section class="lists">
      <div class="tabs" role="tablist" data-label="session.title">
        <button type="button" role="tab" id="tab-alerts" aria-controls="list-alerts" aria-selected="true"><span data-text="list.alerts"></span> <span class="count"></span></button>
        <button type="button" role="tab" id="tab-snapshots" aria-controls="list-snapshots" aria-selected="false" tabindex="-1"><span data-text="list.snapshots"></span> <span class="count"></span></button>
      </div>
      <div role="tabpanel" id="list-alerts" aria-labelledby="tab-alerts" tabindex="0"><p class="empty" data-text="list.no-alerts"></p><ul class="cards"></ul></div>
      <div role="tabpanel" id="list-snapshots" aria-labelledby="tab-snapshots" tabindex="0" hidden><p class="empty" data-text="list.no-snapshots"></p><ul class="cards"></ul></div>
    </section>
  </aside>

  <section class="drawer" hidden data-label="link.title">
    <h2 data-text="link.title"></h2>
    <canvas class="ages" role="img" data-label="link.chart"></canvas>
    <dl class="link-figures"></dl>
  </section>

  <section class="course" data-label="timeline.title">
    <div class="controls">
      ${control("freeze", "Space")}
      ${control("snapshot", "S")}
      ${control("false-alarm", "F")}
      ${control("missed", "M")}
      ${control("heat", "H", ' aria-pressed="false"')}
      <span class="badge freeze" hidden data-icon="freeze"><span data-text="frozen.badge"></span></span>
      <span class="badge stale" hidden data-icon="degraded"><span></span></span>
      <span class="clock"><span class="now">0:00</span><span class="total"></span></span>
    </div>
    <div class="timeline" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="0"
      aria-valuenow="0" data-label="timeline.title"><canvas></canvas><span class="playhead"></span>
    </div>
    <div class="toast" role="status" aria-live="polite"></div>
  </section>

  <div class="foot"><strong data-text="app.motto"></strong> <span class="privacy"></span></div>

  <dialog class="sheet open-sheet" aria-labelledby="open-title">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <h2 id="open-title" data-text="open.title"></h2>
    <div class="choices">${choice("file")}${choice("folder")}${choice("camera")}${choice("screen")}${choice("sample")}</div>
    <label class="devices" hidden><span data-text="open.camera-which"></span><select></select></label>
    <p class="hint insecure" hidden data-text="open.insecure"></p>
    <p class="hint open-privacy"></p>
  </dialog>
  <dialog class="sheet help-sheet" aria-labelledby="help-title">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <h2 id="help-title" data-text="help.title"></h2>
    <dl class="keys"></dl>
    <label class="switch"><input type="checkbox" checked> <span data-text="help.keys"></span></label>
    <p class="hint help-model"></p>
    <p class="hint"><span data-text="help.links"></span> <a class="docs-link" target="_blank" rel="noopener" data-text="help.docs"></a></p>
    <p class="hint" data-text="app.motto"></p>
  </dialog>
  <dialog class="sheet who-sheet" aria-labelledby="who-title">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <h2 id="who-title" data-text="who.title"></h2>
    <p class="who-says" role="status"></p>
    <button type="button" class="primary who-provider" hidden></button>
    <form class="who-key" hidden>
      <label><span data-text="who.key"></span>
        <input type="password" autocomplete="off" autocapitalize="off" spellcheck="false" required></label>
      <button class="primary" data-text="who.use-key"></button>
    </form>
    <button type="button" class="primary who-out" data-text="who.out" hidden></button>
    <p class="hint" data-text="who.kept"></p>
  </dialog>
  <dialog class="sheet missed-sheet" aria-labelledby="missed-title">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <h2 id="missed-title" data-text="mark.which"></h2>
    <div class="choices missed-choices"></div>
  </dialog>
  <dialog class="sheet heat-sheet" aria-labelledby="heat-title">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <h2 id="heat-title" data-text="heat.title"></h2>
    <canvas class="heat-picture" role="img"></canvas>
    <p class="hint heat-says" role="status"></p>
  </dialog>
  <dialog class="sheet report-sheet" aria-labelledby="report-heading">
    <form method="dialog"><button class="tool close" value="" data-icon="close" data-label="action.close"></button></form>
    <div class="report-tools">
      <button type="button" data-export="print" data-text="report.print"></button>
      <button type="button" data-export="html" data-text="report.html"></button>
      <button type="button" data-export="json" data-text="report.json"></button>
      <button type="button" data-export="labels" data-text="report.labels"></button>
    </div>
    <p class="hint labels-hint" data-text="report.labels-hint"></p>
    <div class="report-page"></div>
  </dialog>
  <input class="pick-file" type="file" accept="video/*,image/*" multiple hidden>
  <input class="pick-folder" type="file" webkitdirectory hidden>
</div>`;
