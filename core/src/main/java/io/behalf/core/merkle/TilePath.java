package io.behalf.core.merkle;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Coordinates of one tile or entry bundle of C2SP tlog-tiles, and its path. A full one holds 256 hashes or entries, a partial one
 * {@code width} of them; the tile at level l+1 holds roots of full level-l tiles only. There are no empty tiles.
 *
 * @param level 0 to 7 here (63-bit sizes need no more; the format goes to 63), or {@link #ENTRIES}
 * @param width 1 to 256
 */
public record TilePath(int level, long index, int width) {
    /** Stands in the place of a level for the bundles, which hold the entries themselves. */
    public static final int ENTRIES = -1;

    public static final int FULL = 256;
    public static final int HEIGHT = 8;
    public static final int MAX_LEVEL = 7;

    private static final Pattern FORM =
            Pattern.compile("tile/(entries|[0-7])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\\.p/([1-9][0-9]{0,2}))?");

    public TilePath {
        if (level < ENTRIES || level > MAX_LEVEL || index < 0 || width < 1 || width > FULL) {
            throw new IllegalArgumentException("no tile at level " + level + ", index " + index + ", width " + width);
        }
    }

    /** How many hashes (or entries) {@code level} holds altogether in a tree of {@code size} entries. */
    public static long count(int level, long size) {
        return level == ENTRIES ? size : size >>> (HEIGHT * level);
    }

    /** The tile number {@code index} as wide as it is in a tree of {@code size} entries. */
    public static TilePath in(long size, int level, long index) {
        long width = Math.min(count(level, size) - index * FULL, FULL);
        if (width < 1) {
            throw new IllegalArgumentException(
                    "a tree of " + size + " entries has no tile " + index + " at level " + level);
        }
        return new TilePath(level, index, (int) width);
    }

    public boolean full() {
        return width == FULL;
    }

    /** Relative to the log's directory or address, with {@code /} between its parts. */
    public String path() {
        String path = "tile/" + (level == ENTRIES ? "entries" : Integer.toString(level)) + "/" + groups(index);
        return full() ? path : path + ".p/" + width;
    }

    /** The folder of this tile's partial forms: to be emptied once the tile is full. */
    public String partialsPath() {
        return new TilePath(level, index, FULL).path() + ".p";
    }

    public static Parsed<TilePath> parse(String path) {
        Matcher form = FORM.matcher(path);
        if (!form.matches()) {
            return Parsed.invalid("not a tile path");
        }
        int level = form.group(1).equals("entries") ? ENTRIES : Integer.parseInt(form.group(1));
        String partial = form.group(3);
        int width = partial == null ? FULL : Integer.parseInt(partial);
        if (partial != null && width >= FULL) {
            return Parsed.invalid("a partial tile is 1 to 255 wide");
        }
        long index = 0;
        for (String group : form.group(2).split("/", -1)) {
            index = index * 1000 + Integer.parseInt(group.startsWith("x") ? group.substring(1) : group);
        }
        var tile = new TilePath(level, index, width);
        // Leading groups of zeros would give one tile many names.
        return tile.path().equals(path) ? Parsed.valid(tile) : Parsed.invalid("not the shortest form of a tile path");
    }

    /** 1234067 is x001/x234/067. */
    private static String groups(long index) {
        String last = String.format("%03d", index % 1000);
        StringBuilder groups = new StringBuilder(last);
        for (long rest = index / 1000; rest > 0; rest /= 1000) {
            groups.insert(0, String.format("x%03d/", rest % 1000));
        }
        return groups.toString();
    }
}
