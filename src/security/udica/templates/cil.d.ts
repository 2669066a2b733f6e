// Templates are imported as text.

declare module "*.cil" {
  const text: string;
  export default text;
}

declare module "*.yml" {
  const text: string;
  export default text;
}
