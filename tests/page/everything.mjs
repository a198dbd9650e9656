// All that the page's reader finds in a commit, as plain values; in Node and in browsers.

/** Return what reads a revision: given the reader's modules, how objects are read, and base64. */
export function everythingIn({ Repository, ZarrArray, Table, childrenOf, isGroup }, read, base64) {
  // Complex numbers as pairs. Which bits a NaN has is left open in JavaScript, so all get the same.
  function complex(values) {
    const numbers = Float64Array.from(values.flat()),
      bits = new BigUint64Array(numbers.buffer);
    for (let i = 0; i < numbers.length; i++) if (Number.isNaN(numbers[i])) bits[i] = 0x7ff8000000000000n;
    return numbers;
  }

  function plain(values) {
    if (values.length === 0) return [];
    if (Array.isArray(values[0])) values = complex(values);
    if (ArrayBuffer.isView(values))
      return base64(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return values.map((value) => (value instanceof Uint8Array ? base64(value) : value));
  }

  function cell(found) {
    if (found === null) return null;
    if (found.kind === "ndarray") return { shape: found.shape, values: plain(found.values) };
    return found.text ?? found.texts ?? base64(found.bytes);
  }

  async function whole(array) {
    try {
      const most = array.chunkShape[0] === 1 ? 2000 : Infinity; // of very many chunks, the last ones
      const bounds = array.shape.map((n, axis) => [axis === 0 ? Math.max(0, n - most) : 0, n]);
      return { shape: array.shape, values: plain(await array.region(bounds)) };
    } catch (error) {
      return { refused: error.constructor.name, message: error.message };
    }
  }

  async function samples(table) {
    const rows = await table.rowsAt(0, table.length),
      found = { columns: {} };
    if (table.about.keys)
      found.keys = (table.keyed ? await table.keys(rows) : []).map((key) =>
        Array.isArray(key) ? key.map(String) : String(key),
      );
    for (const name of table.names) {
      try {
        found.columns[name] = (await table.cells(name, rows)).map(cell);
      } catch (error) {
        found.columns[name] = { refused: error.constructor.name, message: error.message };
      }
    }
    return found;
  }

  async function walk(repository, node, at, found) {
    for (const [name, child] of await childrenOf(repository, node)) {
      const place = at ? `${at}/${name}` : name;
      if (!isGroup(child)) found[place] = await whole(new ZarrArray(repository, child));
      else if (child.table) found[place] = await samples(await Table.open(repository, child));
      else await walk(repository, child, place, found);
    }
  }

  async function all(revision) {
    const repository = new Repository(read);
    try {
      const { commit } = await repository.find(revision);
      const found = {},
        history = [];
      await walk(repository, commit.value.tree, "", found);
      for await (const each of repository.history(commit)) history.push(each.digest);
      return { commit: commit.digest, history, found };
    } catch (error) {
      return { refused: error.constructor.name, message: error.message };
    }
  }

  return all;
}
