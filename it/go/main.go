// verify-tiles checks a log's folder with code that is none of Behalf's: Tessera's fsck builds every tile and the root
// again from the entries, and Go's own sumdb/tlog checks each entry's hash and inclusion, and that the log continues
// an earlier checkpoint of itself.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// C2SP tlog-tiles: tiles are of height 8.
const (
	height   = 8
	fullTile = 1 << height
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify-tiles LOG VKEY EARLIER-CHECKPOINT")
		os.Exit(2)
	}
	entries, err := verify(folder(os.Args[1]), os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d entries are as signed\n", entries)
}

func verify(dir folder, vkey, earlier string) (int64, error) {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, fmt.Errorf("vkey: %w", err)
	}
	now, err := tree(filepath.Join(string(dir), "checkpoint"), key)
	if err != nil {
		return 0, err
	}
	before, err := tree(earlier, key)
	if err != nil {
		return 0, err
	}
	files := &client.FileFetcher{Root: string(dir)}
	// A worker a tile: each ends at the first bad tile it sees, and Check would wait for ever if none were left.
	workers := uint(now.N/(fullTile-1) + 8)
	if err := fsck.New(key.Name(), key, files, leafHashes, fsck.Opts{N: workers}).Check(context.Background()); err != nil {
		return 0, fmt.Errorf("fsck: %w", err)
	}
	// Every hash that comes out of it has been checked up to the signed root.
	hashes := tlog.TileHashReader(now, dir)
	if err := entriesAreIncluded(now, dir, hashes); err != nil {
		return 0, err
	}
	proof, err := tlog.ProveTree(now.N, before.N, hashes)
	if err != nil {
		return 0, fmt.Errorf("consistency: %w", err)
	}
	if err := tlog.CheckTree(proof, now.N, now.Hash, before.N, before.Hash); err != nil {
		return 0, fmt.Errorf("consistency: %w", err)
	}
	return now.N, nil
}

func tree(checkpoint string, key note.Verifier) (tlog.Tree, error) {
	signed, err := os.ReadFile(checkpoint)
	if err != nil {
		return tlog.Tree{}, err
	}
	parsed, _, _, err := log.ParseCheckpoint(signed, key.Name(), key)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	return tlog.Tree{N: int64(parsed.Size), Hash: tlog.Hash(parsed.Hash)}, nil
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var read api.EntryBundle
	if err := read.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range read.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func entriesAreIncluded(signed tlog.Tree, dir folder, hashes tlog.HashReader) error {
	for first := int64(0); first < signed.N; first += fullTile {
		width := int(min(fullTile, signed.N-first))
		path := tlog.Tile{H: height, L: -1, N: first / fullTile, W: width}.Path()
		bytes, err := dir.read(strings.Replace(path, "tile/8/data/", "tile/entries/", 1))
		if err != nil {
			return err
		}
		var bundle api.EntryBundle
		if err := bundle.UnmarshalText(bytes); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(bundle.Entries) != width {
			return fmt.Errorf("%s: %d entries", path, len(bundle.Entries))
		}
		for i, entry := range bundle.Entries {
			if err := isIncluded(signed, first+int64(i), entry, hashes); err != nil {
				return fmt.Errorf("entry %d: %w", first+int64(i), err)
			}
		}
	}
	return nil
}

func isIncluded(signed tlog.Tree, index int64, entry []byte, hashes tlog.HashReader) error {
	proof, err := tlog.ProveRecord(signed.N, index, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, signed.N, signed.Hash, index, tlog.RecordHash(entry))
}

// folder is a log's: a tlog.TileReader.
type folder string

func (f folder) Height() int { return height }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		// Go's paths name the height, those of C2SP do not.
		bytes, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		read = append(read, bytes)
	}
	return read, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}
