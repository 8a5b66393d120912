"""What a person would complain about in the layout of the editor, found by geometry."""

from __future__ import annotations

from typing import Any

# Complaints about the editor that is shown: controls that are cut off, outside of it or over one another, texts without room, small targets.
AUDIT = """(least) => {
    const shown = (entry) => entry.getClientRects().length > 0 && getComputedStyle(entry).visibility === 'visible'
    const editor = [...document.querySelectorAll('.fm-editor')].find(shown)
    const canvas = document.createElement('canvas').getContext('2d')
    const problems = []
    const nameOf = (entry) => entry.getAttribute('aria-label') || entry.textContent.trim() || entry.className
    const inside = (a, b) => a.left >= b.left - 0.6 && a.right <= b.right + 0.6 && a.top >= b.top - 0.6 && a.bottom <= b.bottom + 0.6
    const outer = editor.getBoundingClientRect()
    if (!inside(outer, { left: 0, top: 0, right: innerWidth, bottom: innerHeight })) problems.push('the editor leaves the window')
    const controls = [...editor.querySelectorAll('button, input, select, [role=slider], [role=option], .fm-tracks')]
        .filter((entry) => shown(entry) && !entry.closest('[popover]'))
    const rects = controls.map((entry) => entry.getBoundingClientRect())
    controls.forEach((entry, index) => {
        const rect = rects[index]
        for (let around = entry.parentElement; around && editor.contains(around); around = around.parentElement) {
            if (around !== editor && getComputedStyle(around).overflow === 'visible') continue
            if (!inside(rect, around.getBoundingClientRect())) problems.push(`cut off by ${around.className}: ${nameOf(entry)}`)
        }
        for (let other = 0; other < index; other += 1) {
            const b = rects[other]
            const w = Math.min(rect.right, b.right) - Math.max(rect.left, b.left)
            const h = Math.min(rect.bottom, b.bottom) - Math.max(rect.top, b.top)
            // The triangle of hints stands at the end of its row.
            if ([entry, controls[other]].some((item) => item.matches('.fm-hint'))) continue
            if (w > 0.6 && h > 0.6) problems.push(`one over the other: ${nameOf(entry)}, ${nameOf(controls[other])}`)
        }
        if (entry.matches('button, input, select, [role=option]') && Math.min(rect.width, rect.height) < least - 0.1) {
            problems.push(`${Math.round(rect.width)} x ${Math.round(rect.height)} pixels: ${nameOf(entry)}`)
        }
        const style = getComputedStyle(entry)
        const text = entry.matches('select') ? entry.selectedOptions[0]?.text : entry.matches('input:not([type=color])') ? entry.value : ''
        canvas.font = style.font
        const room = entry.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
        // The rest of a long name is a key press away; numbers and choices are read as they stand.
        const tight = canvas.measureText(text).width > room + 0.5 || entry.scrollWidth > entry.clientWidth
        if (text && !entry.matches('[type=text]') && tight) problems.push(`no room for ${text}: ${nameOf(entry)}`)
    })
    const walker = document.createTreeWalker(editor, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
        const around = walker.currentNode.parentElement
        if (!walker.currentNode.data.trim() || !shown(around) || around.closest('.fm-name, [popover], option, .fm-message')) continue
        const range = document.createRange()
        range.selectNode(walker.currentNode)
        if (!inside(range.getBoundingClientRect(), outer)) problems.push(`text outside: ${walker.currentNode.data}`)
        const box = around.closest('button, .fm-fields, .fm-toolbar, .fm-notes, .fm-empty')
        if (!box?.getClientRects().length || inside(range.getBoundingClientRect(), box.getBoundingClientRect())) continue
        problems.push(`text cut off: ${walker.currentNode.data}`)
    }
    return problems
}"""
# For each toolbar: the names of the buttons that it shows, and of those that its menu holds.
BARS = """() => {
    const shown = (entry) => entry.getClientRects().length > 0
    return [...document.querySelectorAll('.fm-toolbar')].filter(shown).map((bar) => {
        const buttons = [...bar.querySelectorAll('[data-command]')].filter((entry) => entry.dataset.command !== 'more')
        // The style sheet shows one of these two.
        const wanted = buttons.filter(({ dataset: { command } }) => command !== (bar.closest('.fm-dialog') ? 'largeView' : 'closeLarge'))
        const more = bar.querySelector('[data-command=more]')
        return {
            folded: wanted.filter((entry) => !shown(entry)).map((entry) => entry.dataset.command),
            shown: wanted.filter(shown).map((entry) => entry.dataset.command),
            menu: Boolean(more && shown(more)),
        }
    })
}"""


def complaints(page: Any, least: int = 0) -> list[str]:
    """What is wrong with the editor that the page shows; `least` is the smallest side of what can be pressed, in pixels."""
    found: list[str] = page.evaluate(AUDIT, least)
    return found


def bars(page: Any) -> list[dict[str, Any]]:
    """The toolbars of the editor, see BARS."""
    found: list[dict[str, Any]] = page.evaluate(BARS)
    return found
