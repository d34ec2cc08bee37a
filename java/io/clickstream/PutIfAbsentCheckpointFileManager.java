package io.clickstream;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.execution.streaming.checkpointing.AbstractFileContextBasedCheckpointFileManager;
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager;

/** A checkpoint on an object store: of two queries that plan the same batch, in whatever process, the second fails. */
public class PutIfAbsentCheckpointFileManager extends AbstractFileContextBasedCheckpointFileManager {
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
      try {
        file.close();
      } catch (IOException failed) {
        if (!overwrite && PutIfAbsent.refused(failed)) {
          throw new FileAlreadyExistsException(path.toString());
        }
        throw failed;
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
