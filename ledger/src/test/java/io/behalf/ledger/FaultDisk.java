package io.behalf.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A disk that fails when told to, and that knows what a power loss would leave: content is kept from its last force, names from the last
 * force of their folder. The process's view is a real folder, so that everything else can read it; nothing is forced there, as no test
 * cuts the power of this machine.
 */
final class FaultDisk implements Disk {
    /** What becomes of the operation that is reported to have failed. */
    enum Fault {
        LOST,
        STORED
    }

    private static final int SECTOR = 512;

    /** A file, whatever its name. */
    private static final class Inode {
        byte[] durable;

        Inode(byte[] durable) {
            this.durable = durable;
        }
    }

    /** The last change of a name that a thread has made. */
    private record Named(String folder, FaultOperation operation) {}

    private final Path root;
    private final FileDisk real;
    private final Map<String, Inode> names = new TreeMap<>();
    private final Map<String, Inode> durableNames = new TreeMap<>();
    private final Set<String> folders = new TreeSet<>();
    private final Set<String> durableFolders = new TreeSet<>();
    private final Map<FaultOperation, Integer> seen = new LinkedHashMap<>();
    private final Map<Thread, Named> named = new HashMap<>();
    private @Nullable FaultOperation failing;
    private int failingAt;
    private Fault fault = Fault.LOST;
    private Runnable beforeFailing = () -> {};
    private boolean dead;
    private Optional<FaultOperation> failed = Optional.empty();
    private long capacity = Long.MAX_VALUE;
    private volatile String hangingAt = "";
    private volatile @Nullable CountDownLatch hanging;
    private volatile CountDownLatch hung = new CountDownLatch(1);

    /** What is there has always been there. */
    FaultDisk(Path root) throws IOException {
        this.root = root;
        Files.createDirectories(root);
        real = new FileDisk(root);
        try (var there = Files.walk(root)) {
            for (Path path : there.filter(path -> !path.equals(root)).toList()) {
                String name = root.relativize(path).toString();
                if (Files.isDirectory(path)) {
                    folders.add(name);
                } else {
                    names.put(name, new Inode(Files.readAllBytes(path)));
                }
            }
        }
        durableFolders.addAll(folders);
        durableNames.putAll(names);
    }

    Path root() {
        return root;
    }

    /** This one for its own folder, one without faults for any other. */
    Disk below(Path folder) {
        return folder.equals(root) ? this : new FileDisk(folder);
    }

    /** This operation fails the time after {@code before} times, once; the ones after it work again, as the kernel's do. */
    synchronized FaultDisk failing(FaultOperation operation, int before, Fault how) {
        failing = operation;
        failingAt = times(operation) + before;
        fault = how;
        return this;
    }

    /** @param beforeFailing waits, in the thread whose operation it is, for the moment of the failure */
    synchronized FaultDisk failing(FaultOperation operation, int before, Fault how, Runnable beforeFailing) {
        this.beforeFailing = beforeFailing;
        return failing(operation, before, how);
    }

    /** Bytes that all files together may have. */
    synchronized void capacity(long bytes) {
        capacity = bytes;
    }

    /** Operations that begin with this do not return until {@link #goOn}. */
    void hang(String operations) {
        hangingAt = operations;
        hung = new CountDownLatch(1);
        hanging = new CountDownLatch(1);
    }

    /** Until an operation hangs; false if none does in time. */
    boolean awaitHung(Duration atMost) throws InterruptedException {
        return hung.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
    }

    void goOn() {
        CountDownLatch latch = hanging;
        hanging = null;
        if (latch != null) {
            latch.countDown();
        }
    }

    /** Every operation that there was, in the order of its first time, with how often. */
    synchronized Map<FaultOperation, Integer> seen() {
        return new LinkedHashMap<>(seen);
    }

    /** How often there was this one. */
    synchronized int times(FaultOperation operation) {
        return seen.getOrDefault(operation, 0);
    }

    /** The operation that failed, if it came to that. */
    synchronized Optional<FaultOperation> failed() {
        return failed;
    }

    // ---- the end of the process

    /**
     * From here on nothing reaches the disk: the process is dead, though its threads do not know.
     *
     * @param survives asked for each sector and each name that was not forced: never for a power loss at its worst, always for a process
     *     that is killed
     * @return the files that are left, sorted by their names, and the folders, whose names end with a slash
     */
    synchronized Map<String, byte[]> remains(BooleanSupplier survives) throws IOException {
        dead = true;
        var left = new TreeMap<String, byte[]>(Map.of("/", new byte[0]));
        for (String folder : union(folders, durableFolders)) { // sorted, so that a folder comes after the one it is in
            boolean there = folders.contains(folder) == durableFolders.contains(folder)
                    || folders.contains(folder) == survives.getAsBoolean();
            if (there && left.containsKey(Disk.folderOf(folder) + "/")) {
                left.put(folder + "/", new byte[0]);
            }
        }
        for (String name : union(names.keySet(), durableNames.keySet())) {
            Inode now = names.get(name);
            Inode before = durableNames.get(name);
            Inode file = now != before && survives.getAsBoolean() ? now : before;
            if (file != null && left.containsKey(Disk.folderOf(name) + "/")) {
                left.put(name, content(file, survives));
            }
        }
        return left;
    }

    private static Set<String> union(Set<String> one, Set<String> other) {
        var all = new TreeSet<>(one);
        all.addAll(other);
        return all;
    }

    /** Makes a folder of what {@link #remains}. */
    static void write(Map<String, byte[]> remains, Path to) throws IOException {
        for (var left : remains.entrySet()) {
            Path path = to.resolve("." + (left.getKey().startsWith("/") ? "" : "/") + left.getKey())
                    .normalize();
            if (left.getKey().endsWith("/")) {
                Files.createDirectories(path);
            } else {
                Files.createDirectories(path.resolveSibling(""));
                Files.write(path, left.getValue());
            }
        }
    }

    private byte[] content(Inode inode, BooleanSupplier survives) throws IOException {
        Optional<String> name = names.entrySet().stream()
                .filter(named -> named.getValue() == inode)
                .map(Map.Entry::getKey)
                .findFirst();
        if (name.isEmpty()) {
            return inode.durable;
        }
        byte[] written = Files.readAllBytes(root.resolve(name.get()));
        boolean resized = written.length != inode.durable.length && survives.getAsBoolean();
        byte[] mixed = Arrays.copyOf(inode.durable, resized ? written.length : inode.durable.length);
        for (int at = 0; at < Math.min(mixed.length, written.length); at += SECTOR) {
            int end = Math.min(at + SECTOR, Math.min(mixed.length, written.length));
            if (!Arrays.equals(written, at, end, mixed, at, end) && survives.getAsBoolean()) {
                System.arraycopy(written, at, mixed, at, end - at);
            }
        }
        return mixed;
    }

    // ---- operations

    @FunctionalInterface
    private interface Run {
        void run() throws IOException;
    }

    private void run(FaultOperation operation, Run run) throws IOException {
        if (dead) {
            throw new IOException("the process is dead");
        }
        int before = times(operation);
        seen.put(operation, before + 1);
        if (operation.equals(failing) && before == failingAt) {
            failed = Optional.of(operation);
            beforeFailing.run();
            if (fault == Fault.STORED) {
                run.run();
            }
            throw new IOException("injected: " + operation);
        }
        run.run();
    }

    /** Not under the lock, so that other threads' operations go on. */
    private void maybeHang(String operation) throws IOException {
        CountDownLatch latch = hanging;
        if (latch != null && operation.startsWith(hangingAt)) {
            hung.countDown();
            try {
                latch.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException(e);
            }
        }
    }

    @Override
    public Handle create(String path) throws IOException {
        maybeHang("create " + path);
        synchronized (this) {
            run(FaultOperation.on("create", path), () -> {
                real.create(path).close();
                names.put(path, new Inode(new byte[0]));
            });
            return new File(path, real.open(path));
        }
    }

    @Override
    public synchronized Handle open(String path) throws IOException {
        return new File(path, real.open(path));
    }

    @Override
    public ByteBuffer contents(String path) throws IOException {
        return real.contents(path);
    }

    @Override
    public boolean exists(String path) {
        return real.exists(path);
    }

    @Override
    public List<String> list(String folder) throws IOException {
        return real.list(folder);
    }

    @Override
    public synchronized void createFolders(String folder) throws IOException {
        run(FaultOperation.on("create folder", folder), () -> {
            if (isFull()) {
                throw new NoSpace(folder);
            }
            real.createFolders(folder);
            for (String above = folder; !above.isEmpty(); above = Disk.folderOf(above)) {
                folders.add(above);
            }
        });
    }

    @Override
    public synchronized void rename(String from, String to) throws IOException {
        FaultOperation operation = FaultOperation.on("rename", to);
        named.put(Thread.currentThread(), new Named(Disk.folderOf(to), operation));
        run(operation, () -> {
            real.rename(from, to);
            Inode moved = names.remove(from);
            if (moved != null) {
                names.put(to, moved);
            }
        });
    }

    @Override
    public synchronized void delete(String path) throws IOException {
        FaultOperation operation = FaultOperation.on("delete", path);
        named.put(Thread.currentThread(), new Named(Disk.folderOf(path), operation));
        run(operation, () -> {
            real.delete(path);
            names.remove(path);
            folders.remove(path);
        });
    }

    @Override
    public synchronized void forceFolder(String folder) throws IOException {
        // It is for the name in it that this thread has changed just before.
        Optional<FaultOperation> reason = Optional.ofNullable(named.remove(Thread.currentThread()))
                .filter(change -> change.folder().equals(folder))
                .map(Named::operation);
        run(FaultOperation.onFolder(folder, reason), () -> {
            durableNames.keySet().removeIf(name -> Disk.folderOf(name).equals(folder));
            names.forEach((name, inode) -> {
                if (Disk.folderOf(name).equals(folder)) {
                    durableNames.put(name, inode);
                }
            });
            durableFolders.removeIf(name -> Disk.folderOf(name).equals(folder));
            folders.stream().filter(name -> Disk.folderOf(name).equals(folder)).forEach(durableFolders::add);
        });
    }

    private final class File implements Handle {
        private final String path;
        private final Handle file;

        File(String path, Handle file) {
            this.path = path;
            this.file = file;
        }

        @Override
        public void write(ByteBuffer bytes, long at) throws IOException {
            maybeHang("write " + path);
            synchronized (FaultDisk.this) {
                long growth = at + bytes.remaining() - file.size();
                if (growth > 0 && capacity < Long.MAX_VALUE && used() + growth > capacity) {
                    throw new NoSpace(path);
                }
                run(FaultOperation.on("write", path), () -> file.write(bytes, at));
            }
        }

        @Override
        public void read(ByteBuffer into, long at) throws IOException {
            file.read(into, at);
        }

        @Override
        public long size() throws IOException {
            return file.size();
        }

        @Override
        public void force() throws IOException {
            maybeHang("force " + path);
            synchronized (FaultDisk.this) {
                run(FaultOperation.on("force", path), () -> {
                    Inode inode = names.get(path);
                    if (inode != null) {
                        inode.durable = Files.readAllBytes(root.resolve(path));
                    }
                });
            }
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    private boolean isFull() throws IOException {
        return capacity < Long.MAX_VALUE && used() >= capacity;
    }

    /** Bytes that all files together have. */
    synchronized long used() throws IOException {
        try (var files = Files.walk(root)) {
            long bytes = 0;
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
            return bytes;
        }
    }
}
