package io.clickstream;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathFilter;
import org.apache.hadoop.util.functional.FutureIO;
import org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager;
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager;

/**
 * A checkpoint on an object store: of two queries that plan the same batch, in whatever process, the second fails.
 *
 * <p>It goes by a FileSystem, of which a process has one: each FileContext makes a client and connections of its own. A
 * store has no folders, so what is asked for the sake of them is not asked here.
 */
public class PutIfAbsentCheckpointFileManager extends FileSystemBasedCheckpointFileManager {
  private final FileSystem store;

  public PutIfAbsentCheckpointFileManager(Path path, Configuration conf) throws IOException {
    super(path, conf);
    store = path.getFileSystem(conf);
  }

  @Override
  public CheckpointFileManager.CancellableFSDataOutputStream createAtomic(Path path, boolean overwriteIfPossible) {
    try {
      return new Whole(PutIfAbsent.open(store, path, overwriteIfPossible), path, overwriteIfPossible);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  @Override
  public FileStatus[] list(Path path, PathFilter filter) {
    try {
      return store.listStatus(path, filter);
    } catch (IOException failed) {
      if (failed instanceof FileNotFoundException && isFolderOfLog(path)) {
        return new FileStatus[0];
      }
      throw PutIfAbsentCheckpointFileManager.<RuntimeException>asItIs(failed);
    }
  }

  @Override
  public boolean exists(Path path) {
    return isFolderOfLog(path) || (isBatchOfLog(path) ? isFile(path) : super.exists(path));
  }

  /** Where Spark plans batches, and completes them. Nothing has to be made for it to be there. */
  private static boolean isFolderOfLog(Path path) {
    return path.getName().equals("offsets") || path.getName().equals("commits");
  }

  /** A file of such a log, which is never a folder. */
  private static boolean isBatchOfLog(Path path) {
    return path.getParent() != null
        && isFolderOfLog(path.getParent())
        && path.getName().chars().allMatch(Character::isDigit);
  }

  /** Whether there is a file: one request, of which the answer is also no. */
  private boolean isFile(Path path) {
    try {
      FutureIO.awaitFuture(store.openFile(path).build()).close();
      return true;
    } catch (FileNotFoundException absent) {
      return false;
    } catch (IOException failed) {
      throw PutIfAbsentCheckpointFileManager.<RuntimeException>asItIs(failed);
    }
  }

  /** Spark's methods declare no exceptions, but who calls them looks for those of files. */
  @SuppressWarnings("unchecked")
  private static <E extends Exception> E asItIs(IOException failed) throws E {
    throw (E) failed;
  }

  /** A file that is there once it is closed, and never if it is cancelled. */
  private static final class Whole extends CheckpointFileManager.CancellableFSDataOutputStream {
    private final FSDataOutputStream file;
    private final Path path;
    private final boolean overwrite;
    private boolean ended = false;

    Whole(FSDataOutputStream file, Path path, boolean overwrite) {
      super(file);
      this.file = file;
      this.path = path;
      this.overwrite = overwrite;
    }

    @Override
    public void close() throws IOException {
      if (ended) {
        return;
      }
      ended = true;
      if (!PutIfAbsent.close(file, overwrite)) {
        throw new FileAlreadyExistsException(path.toString());
      }
    }

    @Override
    public void cancel() {
      if (!ended) {
        ended = true;
        file.abort();
      }
    }
  }
}
