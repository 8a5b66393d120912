/**
 * Where a node's input gets its value from, as the frontend itself resolves it for a run: through reroutes, bypassed nodes and the
 * borders of subgraphs. Reads nodes and changes nothing.
 *
 * @typedef {{name: string, type?: string, value?: unknown, element?: HTMLElement, serialize?: boolean, options?: Record<string, unknown>,
 *   advanced?: boolean, computeSize?: (width?: number) => [number, number], callback?: (value: unknown) => void}} WidgetLike
 * @typedef {{type?: string, element: HTMLElement, callback?: (value: unknown) => void, tooltip?: string, _state?: {value?: unknown},
 *   computeLayoutSize?: (node: unknown) => Record<string, unknown>, width?: number, mouse?: (event: Event) => boolean,
 *   draw?: (ctx: CanvasRenderingContext2D, node: unknown, width: number, y: number, ...rest: unknown[]) => void}} DomWidget
 *
 * @typedef {{origin_id: unknown, origin_slot: number, target_id: unknown, target_slot: number}} LinkLike
 *
 * @typedef {object} GraphLike
 * @property {string} [id]
 * @property {GraphLike} [rootGraph]
 * @property {(foreground: boolean, background: boolean) => void} [setDirtyCanvas]
 * @property {ComfyNode[]} [nodes]
 * @property {Map<string, GraphLike>} [subgraphs] of the root graph
 * @property {{name: string, linkIds?: unknown[]}[]} [inputs] of a subgraph
 * @property {{linkIds: unknown[]}[]} [outputs] of a subgraph
 * @property {(id: unknown) => LinkLike | null | undefined} [getLink]
 * @property {(id: unknown) => ComfyNode | null} [getNodeById]
 * @property {(node: ComfyNode) => unknown} [add]
 *
 * @typedef {object} ComfyNode the parts of a node that we use
 * @property {number | string} id
 * @property {string} [type]
 * @property {string} [comfyClass]
 * @property {string} [title]
 * @property {number} [mode] see NEVER and BYPASS
 * @property {[number, number]} [pos] of its upper left corner in the graph
 * @property {[number, number]} [size]
 * @property {(slot: number, target: ComfyNode, targetSlot: number) => unknown} [connect]
 * @property {boolean} [isVirtualNode] whether it exists in the page only
 * @property {GraphLike | null} graph
 * @property {{name: string, type: unknown, link?: unknown, widget?: {name?: string}}[]} [inputs]
 * @property {{type: unknown}[]} [outputs]
 * @property {WidgetLike[]} [widgets]
 * @property {GraphLike & {nodes: ComfyNode[]}} [subgraph] of a subgraph's node
 * @property {boolean} [showAdvanced]
 * @property {() => [number, number]} [computeSize] the least
 * @property {(size: [number, number]) => void} [setSize]
 * @property {HTMLImageElement[]} [imgs] what its last run showed
 * @property {boolean} [hideOutputImages]
 * @property {() => void} [onDrawBackground]
 * @property {(graph: GraphLike | null) => void} [onAdded]
 * @property {(slot: number) => LinkLike | null} [getInputLink]
 * @property {(slot: number) => {node: ComfyNode, slot: number} | undefined} [resolveVirtualOutput]
 * @property {(name: string, type: string, element: HTMLElement, options: Record<string, unknown>) => DomWidget} addDOMWidget
 *
 * @typedef {object} Place a node as it is reached; the node of a subgraph that is used twice has two places
 * @property {ComfyNode} node
 * @property {readonly ComfyNode[]} hosts the subgraph nodes that contain it, outermost first
 *
 * @typedef {Place & {slot: number}} Origin an output of a node
 * @typedef {{widget: WidgetLike, owner: ComfyNode}} Promoted a value that stands in a widget of a subgraph's node
 */

/** The frontend's modes of a muted and of a bypassed node. */
const NEVER = 2;
const BYPASS = 4;
/** The ids that stand for a subgraph's border. */
const INPUT_BORDER = "-10";
const MAX_STEPS = 100;

/**
 * What an input gets: an output, or the widget of a subgraph's node; undefined when nothing is connected.
 * @param {Place} place
 * @param {number} slot
 * @param {unknown} [type] of the input at which the search began
 * @param {number} [steps] left
 * @returns {Origin | Promoted | undefined}
 */
export function originOf({ node, hosts }, slot, type, steps = MAX_STEPS) {
  const link = linkInto(node, slot);
  if (!link || !steps) return undefined;
  const wanted = type ?? node.inputs?.[slot]?.type ?? "*";
  if (String(link.origin_id) === INPUT_BORDER) return beyondBorder(hosts, link.origin_slot, wanted, steps - 1);
  const source = node.graph?.getNodeById?.(link.origin_id);
  return source ? outputOf({ node: source, hosts, slot: link.origin_slot }, wanted, steps - 1) : undefined;
}

/**
 * @param {readonly ComfyNode[]} hosts
 * @param {number} slot of the subgraph's inputs, which are those of its node
 * @param {unknown} type
 * @param {number} steps
 * @returns {Origin | Promoted | undefined}
 */
function beyondBorder(hosts, slot, type, steps) {
  const owner = hosts.at(-1);
  if (!owner) return undefined;
  const around = { node: owner, hosts: hosts.slice(0, -1) };
  if (linkInto(owner, slot)) return originOf(around, slot, type, steps);
  const input = owner.inputs?.[slot];
  const name = input?.widget?.name ?? input?.name;
  const widget = owner.widgets?.find((entry) => entry.name === name);
  return widget && { widget, owner };
}

/**
 * @param {Origin} origin
 * @param {unknown} type
 * @param {number} steps
 * @returns {Origin | Promoted | undefined}
 */
function outputOf({ node, hosts, slot }, type, steps) {
  if (!steps || node.mode === NEVER) return undefined;
  if (node.mode === BYPASS) {
    const around = bypassedInput(node, slot, type);
    return around < 0 ? undefined : originOf({ node, hosts }, around, undefined, steps - 1);
  }
  const inside = node.subgraph;
  if (inside) {
    const link = inside.getLink?.(inside.outputs?.[slot]?.linkIds[0]);
    const within = [...hosts, node];
    if (!link) return undefined;
    if (String(link.origin_id) === INPUT_BORDER) return beyondBorder(within, link.origin_slot, type, steps - 1);
    const source = inside.getNodeById?.(link.origin_id);
    return source ? outputOf({ node: source, hosts: within, slot: link.origin_slot }, type, steps - 1) : undefined;
  }
  if (!node.isVirtualNode) return { node, hosts, slot };
  const named = node.resolveVirtualOutput?.(slot);
  if (named) return outputOf({ node: named.node, hosts, slot: named.slot }, type, steps - 1);
  const link = node.getInputLink?.(slot);
  const target = link && node.graph?.getNodeById?.(link.target_id);
  // A node of the page with a value of its own, such as PrimitiveNode.
  if (!target) return { node, hosts, slot };
  return originOf({ node: target, hosts }, link.target_slot, type, steps - 1);
}

/**
 * The input that a bypassed node hands on: the one in the same place if its type fits, or else the first that does.
 * @param {ComfyNode} node
 * @param {number} slot
 * @param {unknown} type
 * @returns {number} -1: none
 */
function bypassedInput({ inputs = [], outputs = [] }, slot, type) {
  const given = outputs[slot]?.type;
  if (type === "*" || type === "") return inputs.length > slot ? slot : 0;
  /** @param {{type: unknown} | undefined} input */
  const fitting = (input) => input !== undefined && fits(input.type, given) && fits(input.type, type);
  if (fitting(inputs[slot])) return slot;
  const same = inputs.findIndex((input) => input.type === type);
  return same < 0 ? inputs.findIndex(fitting) : same;
}

/** Whether types may be linked: lists of names with commas, or anything. @param {unknown} a @param {unknown} b */
function fits(a, b) {
  const [one, other] = [a, b].map((type) => String(type ?? "*").toLowerCase().split(","));
  return [one, other].some(([first]) => first === "*" || first === "" || first === "0") || one.some((name) => other.includes(name));
}

/** @param {ComfyNode} node @param {number} slot @returns {LinkLike | null | undefined} */
export function linkInto(node, slot) {
  // A subgraph's node has its own method of the name for what comes out of it.
  const id = node.inputs?.[slot]?.link;
  return id === undefined || id === null ? undefined : node.graph?.getLink?.(id);
}

/**
 * Every place at which a node stands.
 * @param {ComfyNode} node
 * @returns {Place[]} one, or more where a subgraph is used several times
 */
export function placesOf(node) {
  const { graph } = node;
  if (!graph) return [];
  const root = graph.rootGraph ?? graph;
  if (root === graph) return [{ node, hosts: [] }];
  return pathsTo(graph, root, MAX_STEPS).map((hosts) => ({ node, hosts }));
}

/** A node's id in a run. @param {Place} place */
export function idOf({ node, hosts }) {
  return [...hosts, node].map(({ id }) => id).join(":");
}

/**
 * @param {GraphLike} subgraph
 * @param {GraphLike} graph where to look
 * @param {number} deep levels left
 * @returns {ComfyNode[][]}
 */
function pathsTo(subgraph, graph, deep) {
  if (!deep) return [];
  return (graph.nodes ?? []).flatMap((host) => {
    if (!host.subgraph) return [];
    return isSame(host.subgraph, subgraph) ? [[host]] : pathsTo(subgraph, host.subgraph, deep - 1).map((path) => [host, ...path]);
  });
}

/** The frontend hands out wrappers of graphs, so identity alone would not do. @param {GraphLike} a @param {GraphLike} b */
function isSame(a, b) {
  return a === b || (a.id !== undefined && a.id === b.id);
}

/**
 * The node whose widget was promoted to a subgraph's node.
 * @param {ComfyNode} host
 * @param {string} name of the host's widget
 * @param {readonly ComfyNode[]} [hosts] around the host
 * @returns {Place | undefined}
 */
export function promotedFrom(host, name, hosts = []) {
  const inside = host.subgraph;
  const slot = host.inputs?.findIndex((input) => (input.widget?.name ?? input.name) === name) ?? -1;
  const link = inside?.getLink?.(inside.inputs?.[slot]?.linkIds?.[0]);
  const node = link && inside?.getNodeById?.(link.target_id);
  if (!node) return undefined;
  const within = [...hosts, host];
  const input = node.inputs?.[link.target_slot];
  return node.subgraph ? promotedFrom(node, input?.widget?.name ?? input?.name ?? "", within) : { node, hosts: within };
}
