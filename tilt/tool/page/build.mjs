// Builds the page of Tilt's server from its sources, which the Go module has:
// node build.mjs SOURCES OUT
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { build } from "esbuild"
import svgr from "esbuild-plugin-svgr"
import { sassPlugin } from "esbuild-sass-plugin"

const [sources, out] = process.argv.slice(2)
cpSync(join(sources, "public"), out, { recursive: true })
await build({
  entryPoints: { page: join(sources, "src/index.tsx") },
  outdir: join(out, "static"),
  bundle: true,
  minify: true,
  jsx: "automatic",
  target: "es2020",
  nodePaths: [join(import.meta.dirname, "node_modules")],
  define: { "process.env.NODE_ENV": '"production"', "process.env": "{}", global: "window" },
  loader: { ".png": "dataurl" },
  plugins: [svgr({ exportType: "named" }), sassPlugin({ silenceDeprecations: ["import"] })],
  logLevel: "error",
})
const html = readFileSync(join(sources, "public/index.html"), "utf8")
  .replace(/<link [^>]*fonts\.googleapis[^>]*>\s*/g, "") // the page loads nothing from other servers
  .replace("</head>", '  <link rel="stylesheet" href="/static/page.css">\n  </head>')
  .replace("</body>", '  <script src="/static/page.js"></script>\n  </body>')
writeFileSync(join(out, "index.html"), html)
