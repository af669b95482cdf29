/** JSON with one text for one value: keys in order, and the two zeros told apart. */
export const canonical = (value) => {
    if (Object.is(value, -0))
        return "-0";
    if (Array.isArray(value))
        return `[${value.map(canonical).join(",")}]`;
    if (value !== null && typeof value === "object") {
        const entries = Object.entries(value)
            .filter(([, v]) => v !== undefined)
            .toSorted(([a], [b]) => (a < b ? -1 : 1));
        return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
    }
    return JSON.stringify(value) ?? "null";
};
/** what survives `canonical` without loss */
export const isPlain = (value) => {
    if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "undefined")
        return true;
    if (typeof value === "number")
        return Number.isFinite(value);
    if (Array.isArray(value))
        return value.every(isPlain);
    if (typeof value !== "object")
        return false;
    const proto = Object.getPrototypeOf(value);
    return (proto === Object.prototype || proto === null) && Object.values(value).every(isPlain);
};
