"""JavaScript that bench/editor.py runs in the page."""

from __future__ import annotations

# A stub has our node's definition without our editor.
STUB = "BenchStub"
REGISTER_STUB = f"""async () => {{
    const {{ DrawTrajectory }} = await (await window.app.api.fetchApi('/object_info/DrawTrajectory')).json()
    await window.app.registerNodeDef('{STUB}', {{ ...DrawTrajectory, name: '{STUB}', display_name: 'Stub', category: 'bench' }})
}}"""
DRAG = """async ([x0, y0, steps]) => {
    const canvas = document.querySelector('.fm-canvas')
    const send = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
        bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', isPrimary: true, button: type === 'pointermove' ? -1 : 0,
        buttons: type === 'pointerup' ? 0 : 1, clientX: x, clientY: y }))
    canvas.setPointerCapture = () => {}
    canvas.releasePointerCapture = () => {}
    const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
        const channel = new MessageChannel()
        channel.port1.onmessage = resolve
        channel.port2.postMessage(0)
    }))
    send('pointerdown', x0, y0)
    const times = []
    for (let step = 1; step <= steps; step += 1) {
        await new Promise((resolve) => requestAnimationFrame(resolve))
        const start = performance.now()
        send('pointermove', x0 + 40 * Math.sin(step / 9), y0 + 30 * Math.cos(step / 7))
        const handled = performance.now() - start
        const before = performance.now()
        let began = 0
        requestAnimationFrame(() => { began = performance.now() })
        await painted()
        times.push(handled + performance.now() - Math.max(began, before))
    }
    // Not far away: the next drag begins here, too.
    send('pointermove', x0 + 10, y0)
    send('pointerup', x0 + 10, y0)
    return times
}"""
PLACE = """async ([x, y]) => {
    const { fitView } = await import('/extensions/flashmotion/editor/model/geometry.js')
    const canvas = document.querySelector('.fm-canvas')
    const { left, top, width } = canvas.getBoundingClientRect()
    const view = fitView(canvas.clientWidth, canvas.clientHeight, [1280, 704])
    const zoom = width / canvas.clientWidth
    return [left + (view.left + x * view.width) * zoom, top + (view.top + y * view.height) * zoom]
}"""
IDLE = """async (milliseconds) => {
    let drawn = 0
    const names = ['clearRect', 'fillRect', 'strokeRect', 'fillText', 'stroke', 'fill', 'drawImage']
    const kept = names.map((name) => CanvasRenderingContext2D.prototype[name])
    names.forEach((name, index) => {
        CanvasRenderingContext2D.prototype[name] = function (...values) {
            if (this.canvas.closest?.('.fm-editor')) drawn += 1
            return kept[index].apply(this, values)
        }
    })
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    names.forEach((name, index) => { CanvasRenderingContext2D.prototype[name] = kept[index] })
    return drawn
}"""
# How often the stage draws a picture, since it was last asked.
PICTURES = """() => {
    const drawImage = CanvasRenderingContext2D.prototype.drawImage
    if (!window.benchPictures) {
        CanvasRenderingContext2D.prototype.drawImage = function (...values) {
            if (this.canvas.matches('.fm-canvas')) window.benchPictures += 1
            return drawImage.apply(this, values)
        }
    }
    const drawn = window.benchPictures ?? 0
    window.benchPictures = 1e-9
    return Math.round(drawn)
}"""
VALUE = "() => window.app.graph.nodes[0].widgets.find((widget) => widget.name === 'trajectory').value"
ELEMENTS = "() => document.querySelectorAll('*').length"
CLEAN = "async () => { await window.app.clean() }"
# How many listeners were added since it was last asked.
LISTENERS = """() => {
    const { addEventListener } = EventTarget.prototype
    if (window.benchListeners === undefined) {
        EventTarget.prototype.addEventListener = function (...values) {
            window.benchListeners += 1
            return addEventListener.apply(this, values)
        }
    }
    const added = window.benchListeners ?? 0
    window.benchListeners = 0
    return added
}"""
OPEN = """async (graph) => {
    const start = performance.now()
    await window.app.loadApiJson(graph, 'bench')
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    return performance.now() - start
}"""
