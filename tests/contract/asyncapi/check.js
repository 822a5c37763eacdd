// AsyncAPI's own parser on a document: what it finds, one a line; the exit status says whether it is valid.
import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";

const { document, diagnostics } = await new parser.Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, message, path } of diagnostics) {
  console.log(["error", "warning", "info", "hint"][severity], path.join("."), message);
}
process.exit(document === undefined ? 1 : 0);
