import Glibc

/// What is to go wrong with which calls of a broker to its disk.
struct DiskFault: Hashable, Sendable {
    /// Kinds of calls; `cluster/disk-faults.c` has the same numbers.
    struct Calls: OptionSet, Hashable, Sendable {
        var rawValue: Int64

        static let create = Calls(rawValue: 1)
        static let write = Calls(rawValue: 2)
        static let flush = Calls(rawValue: 4)
        static let flushDirectory = Calls(rawValue: 8)
        static let truncate = Calls(rawValue: 16)
        static let reserve = Calls(rawValue: 32)
        static let rename = Calls(rawValue: 64)
        static let unlink = Calls(rawValue: 128)
        static let makeDirectory = Calls(rawValue: 256)
        static let read = Calls(rawValue: 512)
        /// Everything that may change what is on the disk, and when.
        static let changes = Calls(rawValue: 511)
    }

    enum Action: Int64, Hashable, Sendable {
        /// The process ends instead of making the call.
        case die = 1
        case fail
        /// Half of the bytes, and the call says so.
        case short
        /// Half of the bytes, and the process ends.
        case torn
        /// The call says that it was done.
        case lose
        /// The bytes go one block too far.
        case misdirect
        case flip
        case delay
        /// The file system loses all that was not flushed, and the process ends.
        case cutPower
        case halfThenFail
        /// It returns when the fault is over.
        case hang
    }

    var calls: Calls
    var action: Action
    var error: Int32 = 0
    /// Only files with this in their path.
    var part = ""
    /// Only writes that begin with these bytes; `ZEROES`: with zeroes.
    var start = ""
    /// The first matching call that is hit, counted from 1.
    var from = 1
    /// How many are hit; 0: all.
    var times = 0
    var delay: Duration = .zero
}

/// Steers the faults of one broker through a small file that its process has mapped.
final class FaultControl: @unchecked Sendable {
    // Numbers are written before `isArmed` and read by another process: no lock would help.
    private static let size = 80 + 256 + 128 + 16
    private let memory: UnsafeMutableRawPointer
    let path: String
    let trace: String

    /// - Parameter root: faults meet only what lies in this directory.
    init(path: String, root: String) throws {
        self.path = path
        self.trace = "\(path).trace"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0, ftruncate(file, off_t(Self.size)) == 0 else {
            throw LabError.failed("cannot make \(path)")
        }
        defer { close(file) }
        guard let memory = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
            memory != MAP_FAILED
        else { throw LabError.failed("cannot map \(path)") }
        self.memory = memory
        self.put(root, at: 80, count: 256)
    }

    deinit { munmap(self.memory, Self.size) }

    private enum Field: Int {
        case isArmed, action, error, calls, from, times, microseconds, matched, hits, changes
    }

    private subscript(field: Field) -> Int64 {
        get { self.memory.load(fromByteOffset: field.rawValue * 8, as: Int64.self) }
        set {
            self.memory.storeBytes(of: newValue, toByteOffset: field.rawValue * 8, as: Int64.self)
        }
    }

    /// From now on the calls that the fault means meet it; counting starts anew.
    func arm(_ fault: DiskFault) {
        self[.isArmed] = 0
        self[.action] = fault.action.rawValue
        self[.error] = Int64(fault.error)
        self[.calls] = fault.calls.rawValue
        self[.from] = Int64(fault.from)
        self[.times] = Int64(fault.times)
        self[.microseconds] = Int64(fault.delay / .microseconds(1))
        self.put(fault.part, at: 336, count: 128)
        self.put(fault.start, at: 464, count: 16)
        self[.matched] = 0
        self[.hits] = 0
        self[.isArmed] = 1
    }

    func disarm() { self[.isArmed] = 0 }

    /// How many calls the fault met.
    var hits: Int { Int(self[.hits]) }
    /// How many calls could have changed the disk, since this was made.
    var changes: Int { Int(self[.changes]) }

    /// The words before a program's name that make it obey.
    func environment(library: String, isTraced: Bool) -> [String] {
        ["LD_PRELOAD=\(library)", "DISK_FAULTS_FILE=\(self.path)"]
            + (isTraced ? ["DISK_FAULTS_TRACE=\(self.trace)"] : [])
    }

    private func put(_ text: String, at offset: Int, count: Int) {
        let bytes = Array(text.utf8.prefix(count - 1))
        memset(self.memory + offset, 0, count)
        memcpy(self.memory + offset, bytes, bytes.count)
    }
}
