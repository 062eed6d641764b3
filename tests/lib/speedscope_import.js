// Imports a file with speedscope's own code, and prints what it made of it as JSON.
//
// usage: node speedscope_import.js BUNDLE FILE
//
// The npm package has the program as one bundle for browsers, which exports nothing. So the bundle's last statement, which
// draws the page, is replaced by one that hands out the importer; the importer is known by how its result begins.
'use strict';
const fs = require('fs');
const vm = require('vm');

function importer(path) {
    const code = fs.readFileSync(path, 'utf8');
    const found = code.match(/function ([\w$]+)\(([\w$]+)\)\{return\{name:\2\.name\|\|\2\.profiles\[0\]\.name\|\|"profile"/);
    const end = code.lastIndexOf('console.log(`speedscope v');
    const tail = code.lastIndexOf('})();');
    if (!found || end < 0 || tail < end)
        throw new Error('the bundle is not of the kind that is known');
    // Whatever the page's code asks the browser for while it is loaded, it gets something harmless.
    const anything = new Proxy(function () {}, {
        get: (target, key) => (key === Symbol.toPrimitive ? () => '' : key === 'length' ? 0 : anything),
        apply: () => anything,
        construct: () => anything,
        set: () => true,
    });
    const sandbox = {console, document: anything, navigator: anything, location: {hash: ''}, setTimeout, clearTimeout,
                     URL, TextDecoder, TextEncoder, performance, atob, matchMedia: () => anything,
                     requestAnimationFrame: () => 0, localStorage: anything, addEventListener: () => {}};
    sandbox.window = sandbox.self = sandbox.globalThis = sandbox;
    vm.createContext(sandbox);
    vm.runInContext(code.slice(0, end) + `globalThis.imported=${found[1]};` + code.slice(tail), sandbox);
    return sandbox.imported;
}

const group = importer(process.argv[2])(JSON.parse(fs.readFileSync(process.argv[3], 'utf8')));
const profiles = group.profiles.map(profile => {
    const frames = {};
    profile.forEachFrame(frame => {
        const known = frames[frame.name] || {self: 0, total: 0};
        frames[frame.name] = {self: known.self + frame.getSelfWeight(), total: known.total + frame.getTotalWeight()};
    });
    return {name: profile.getName(), unit: profile.getWeightUnit(), total: profile.getTotalWeight(),
            formatted: profile.formatValue(profile.getTotalWeight()), frames};
});
console.log(JSON.stringify({view: group.indexToView, profiles}));
