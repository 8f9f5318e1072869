import Glibc
import MessageFormat

/// A thread of its own, for work that waits on the disk.
final class Worker: @unchecked Sendable {
    // `thread` is written before `init` returns and only read afterwards.
    private var thread = pthread_t()

    private final class Task {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// `name` shows in `top -H`; the system keeps 15 bytes of it.
    init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(StorageError) {
        let task = Unmanaged.passRetained(Task(name: name, body: body))
        let result = pthread_create(
            &self.thread, nil,
            { argument in
                guard let argument else { return nil }
                let task = Unmanaged<Task>.fromOpaque(argument).takeRetainedValue()
                Worker.nameThisThread(task.name)
                task.body()
                return nil
            }, task.toOpaque())
        guard result == 0 else {
            task.release()
            throw .system(operation: "pthread_create", path: name, errno: result)
        }
    }

    /// Waits until the thread has ended. Once only, and not from the thread itself.
    func join() { pthread_join(self.thread, nil) }

    private static func nameThisThread(_ name: String) {
        guard let file = try? OpenFile("/proc/thread-self/comm", .readWrite) else { return }
        try? Array(name.utf8.prefix(15)).withRawBytes { (bytes) throws(StorageError) in
            try file.write(bytes, at: 0)
        }
    }
}
