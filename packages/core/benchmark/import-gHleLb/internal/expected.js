import * as SchemaAST from "effect/SchemaAST";
const checked = (base, checks) => {
    let text = base;
    for (const check of checks ?? []) {
        const expected = check.annotations?.expected;
        if (typeof expected !== "string")
            continue;
        if (expected === "an integer")
            text = "integer";
        else if (expected.startsWith("a value "))
            text += ` ${expected.slice("a value ".length)}`;
        else
            text += ` (${expected})`;
    }
    return text;
};
const element = (text) => (text.includes(" | ") ? `(${text})` : text);
const key = (name) => typeof name === "string" && /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(String(name));
const base = (ast, depth) => {
    const inner = (a) => text(a, depth + 1);
    switch (ast._tag) {
        case "Literal":
            return typeof ast.literal === "bigint" ? `${ast.literal}n` : JSON.stringify(ast.literal);
        case "Enum":
            return ast.enums.map(([, value]) => JSON.stringify(value)).join(" | ");
        case "Union":
            return ast.types.length === 0 ? "never" : [...new Set(ast.types.map(inner))].join(" | ");
        case "Arrays": {
            if (ast.elements.length === 0 && ast.rest.length === 1)
                return `Array<${inner(ast.rest[0])}>`;
            const elements = ast.elements.map((e) => inner(e) + (e.context?.isOptional === true ? "?" : ""));
            const rest = ast.rest.map((r, i) => (i === 0 ? `...${element(inner(r))}[]` : inner(r)));
            return `[${[...elements, ...rest].join(", ")}]`;
        }
        case "Objects": {
            if (depth > 3)
                return "{ ... }";
            const properties = ast.propertySignatures.map((p) => `${key(p.name)}${p.type.context?.isOptional === true ? "?" : ""}: ${inner(p.type)}`);
            const indexed = ast.indexSignatures.map((i) => `[${inner(i.parameter)}]: ${inner(i.type)}`);
            return properties.length + indexed.length === 0 ? "{}" : `{ ${[...properties, ...indexed].join("; ")} }`;
        }
        case "Suspend":
            return depth > 3 ? "..." : inner(ast.thunk());
        case "Declaration":
            return "unknown";
        case "TemplateLiteral":
            return "string";
        case "UniqueSymbol":
            return String(ast.symbol);
        default:
            return ast._tag.toLowerCase();
    }
};
const text = (ast, depth) => {
    const { identifier, expected, title } = (SchemaAST.resolve(ast) ?? {});
    const own = ast.annotations?.expected;
    if (typeof identifier === "string")
        return identifier;
    if (typeof own === "string")
        return checked(own, ast.checks);
    if (typeof title === "string")
        return title;
    if (ast.checks === undefined && typeof expected === "string")
        return expected;
    return checked(base(ast, depth), ast.checks);
};
/** What a value of a field is. */
export const expectedOf = (s) => text(s.ast, 0);
