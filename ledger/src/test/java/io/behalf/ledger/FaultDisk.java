package io.behalf.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A disk that fails when told to, and that knows what a power loss would leave: content is kept from its last force, names from the last
 * force of their folder. The process's view is a real folder, so that everything else can read it.
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
        byte[] durable = new byte[0];
    }

    private final Path root;
    private final FileDisk real;
    private final Map<String, Inode> names = new TreeMap<>();
    private final Map<String, Inode> durableNames = new TreeMap<>();
    private final Set<String> folders = new HashSet<>();
    private final Set<String> durableFolders = new HashSet<>();
    private int operations;
    private int failAt = -1;
    private Fault fault = Fault.LOST;
    private boolean dead;
    private Optional<String> failed = Optional.empty();
    private long capacity = Long.MAX_VALUE;
    private volatile @Nullable CountDownLatch hanging;

    FaultDisk(Path root) throws IOException {
        this.root = root;
        Files.createDirectories(root);
        real = new FileDisk(root);
    }

    /** The operation number {@code at} fails once; the ones after it work again, as the kernel's do. */
    synchronized FaultDisk failing(int at, Fault how) {
        failAt = at;
        fault = how;
        return this;
    }

    /** Bytes that all files together may have. */
    synchronized void capacity(long bytes) {
        capacity = bytes;
    }

    /** Forces do not return until {@link #goOn}. */
    void hang() {
        hanging = new CountDownLatch(1);
    }

    void goOn() {
        CountDownLatch latch = hanging;
        hanging = null;
        if (latch != null) {
            latch.countDown();
        }
    }

    synchronized int operations() {
        return operations;
    }

    /** The operation that failed, if it came to that. */
    synchronized Optional<String> failed() {
        return failed;
    }

    // ---- the end of the process

    /** From here on nothing reaches the disk: the process is dead, though its threads do not know. What it wrote is in the page cache. */
    synchronized void kill() {
        dead = true;
    }

    /** As {@link #kill}, and of what was not forced each sector survives or not, by chance. */
    synchronized void losePower(Random random) throws IOException {
        dead = true;
        var survivors = new TreeMap<String, byte[]>();
        for (var name : durableNames.entrySet()) {
            if (allDurable(Disk.folderOf(name.getKey()))) {
                survivors.put(name.getKey(), torn(name.getValue(), random));
            }
        }
        try (var files = Files.walk(root)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                if (!file.equals(root)) {
                    Files.delete(file);
                }
            }
        }
        for (String folder : durableFolders) {
            if (allDurable(folder)) {
                Files.createDirectories(root.resolve(folder));
            }
        }
        for (var survivor : survivors.entrySet()) {
            Files.write(root.resolve(survivor.getKey()), survivor.getValue());
        }
    }

    private boolean allDurable(String folder) {
        for (String above = folder; !above.isEmpty(); above = Disk.folderOf(above)) {
            if (!durableFolders.contains(above)) {
                return false;
            }
        }
        return true;
    }

    private byte[] torn(Inode inode, Random random) throws IOException {
        for (var name : names.entrySet()) {
            if (name.getValue().equals(inode)) {
                byte[] written = Files.readAllBytes(root.resolve(name.getKey()));
                if (written.length != inode.durable.length) {
                    return inode.durable;
                }
                byte[] mixed = inode.durable.clone();
                for (int at = 0; at < mixed.length; at += SECTOR) {
                    int length = Math.min(SECTOR, mixed.length - at);
                    if (!Arrays.equals(written, at, at + length, mixed, at, at + length) && random.nextBoolean()) {
                        System.arraycopy(written, at, mixed, at, length);
                    }
                }
                return mixed;
            }
        }
        return inode.durable;
    }

    // ---- operations

    @FunctionalInterface
    private interface Operation {
        void run() throws IOException;
    }

    private void run(String what, Operation operation) throws IOException {
        if (dead) {
            throw new IOException("the process is dead");
        }
        if (operations++ == failAt) {
            failed = Optional.of(what);
            if (fault == Fault.STORED) {
                operation.run();
            }
            throw new IOException("injected: " + what);
        }
        operation.run();
    }

    @Override
    public synchronized Handle create(String path) throws IOException {
        run("create " + path, () -> {
            real.create(path).close();
            names.put(path, new Inode());
        });
        return new File(path, real.open(path));
    }

    @Override
    public synchronized Handle open(String path) throws IOException {
        return new File(path, real.open(path));
    }

    @Override
    public ByteBuffer contents(String path) throws IOException {
        // Not mapped: the file may be rewritten by losePower.
        return ByteBuffer.wrap(Files.readAllBytes(root.resolve(path)));
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
        run("create folders " + folder, () -> {
            real.createFolders(folder);
            for (String above = folder; !above.isEmpty(); above = Disk.folderOf(above)) {
                folders.add(above);
            }
        });
    }

    @Override
    public synchronized void rename(String from, String to) throws IOException {
        run("rename " + from, () -> {
            real.rename(from, to);
            Inode moved = names.remove(from);
            if (moved != null) {
                names.put(to, moved);
            }
        });
    }

    @Override
    public synchronized void delete(String path) throws IOException {
        run("delete " + path, () -> {
            real.delete(path);
            names.remove(path);
            folders.remove(path);
        });
    }

    @Override
    public synchronized void forceFolder(String folder) throws IOException {
        run("force folder " + folder, () -> {
            real.forceFolder(folder);
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
            synchronized (FaultDisk.this) {
                long growth = at + bytes.remaining() - file.size();
                if (growth > 0 && used() + growth > capacity) {
                    throw new NoSpace(path);
                }
                run("write " + path, () -> file.write(bytes, at));
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
            CountDownLatch latch = hanging;
            if (latch != null) {
                try {
                    latch.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IOException(e);
                }
            }
            synchronized (FaultDisk.this) {
                run("force " + path, () -> {
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

    private long used() throws IOException {
        try (var files = Files.walk(root)) {
            long bytes = 0;
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
            return bytes;
        }
    }
}
