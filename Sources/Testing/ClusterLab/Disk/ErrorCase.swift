import Glibc

/// A fault of the disk, when it strikes, and what is asked of the broker then.
struct ErrorCase: Hashable, Sendable {
    /// What the broker does when the disk begins to fail.
    enum Stage: Hashable, Sendable {
        /// Its very first start, in an empty directory.
        case firstStart
        case sending
        /// Messages so large that a segment fills up and gets its index file.
        case rolling
        /// A start behind a torn write.
        case restart
        /// Messages are read.
        case reading
    }

    enum Promise: Hashable, Sendable {
        /// All that was acknowledged is served.
        case everything
        /// For what the disk has not kept an error is served.
        case nothingInSilence
        /// A disk that forgets what it has flushed can make anybody lose the newest; nobody can
        /// notice. Nothing wrong may be served.
        case nothingWrong
    }

    var name: String
    var stage: Stage
    var fault: DiskFault
    var promise = Promise.everything
    /// Whether each flush that happens while the fault lasts fails, so that no `SEND_OK` can be true.
    var forbidsAcknowledging = false
    /// Whether the power fails at the end: else the process is killed.
    var cutsPower = true

    /// The first bytes of a batch.
    private static let batch = "APB1"
    private static let segment = "/commitlog/0"
    private static let index = "/index/0"
    private static let identity = "log-identity"

    static var all: [ErrorCase] {
        self.batches + self.flushes + self.preparation + self.indexes + self.starts + self.reads
    }

    private static func named(_ error: Int32) -> String {
        switch error {
        case EIO: "EIO"
        case ENOSPC: "ENOSPC"
        case EROFS: "EROFS"
        case EMFILE: "EMFILE"
        case EDQUOT: "EDQUOT"
        default: "\(error)"
        }
    }

    private static var batches: [ErrorCase] {
        func fault(_ action: DiskFault.Action, _ error: Int32 = 0, times: Int = 0) -> DiskFault {
            DiskFault(
                calls: .write, action: action, error: error, part: self.segment, start: self.batch,
                from: 5, times: times)
        }
        return [EIO, ENOSPC, EDQUOT, EROFS].map {
            ErrorCase(
                name: "batch: write fails (\(self.named($0)))", stage: .sending,
                fault: fault(.fail, $0))
        } + [
            ErrorCase(
                name: "batch: write fails once (EIO)", stage: .sending,
                fault: fault(.fail, EIO, times: 1)),
            ErrorCase(
                name: "batch: half written, then EIO", stage: .sending,
                fault: fault(.halfThenFail, EIO, times: 1)),
            ErrorCase(name: "batch: short writes", stage: .sending, fault: fault(.short)),
            ErrorCase(
                name: "batch: torn, and death", stage: .sending, fault: fault(.torn, times: 1)),
            ErrorCase(
                name: "batch: write is lost", stage: .sending, fault: fault(.lose, times: 1),
                promise: .nothingInSilence),
            ErrorCase(
                name: "batch: write goes elsewhere", stage: .sending,
                fault: fault(.misdirect, times: 1), promise: .nothingInSilence),
            ErrorCase(
                name: "batch: a bit flips on the way", stage: .sending,
                fault: fault(.flip, times: 1),
                promise: .nothingInSilence),
            ErrorCase(
                name: "batch: slow writes", stage: .sending,
                fault: DiskFault(
                    calls: .write, action: .delay, part: self.segment, delay: .milliseconds(40))),
        ]
    }

    private static var flushes: [ErrorCase] {
        func fault(_ action: DiskFault.Action, _ error: Int32 = 0, times: Int = 0) -> DiskFault {
            DiskFault(
                calls: .flush, action: action, error: error, part: self.segment, from: 3,
                times: times)
        }
        var slow = fault(.delay)
        slow.delay = .milliseconds(200)
        return [EIO, ENOSPC, EROFS].map {
            ErrorCase(
                name: "segment: flushes fail (\(self.named($0)))", stage: .sending,
                fault: fault(.fail, $0), forbidsAcknowledging: true)
        } + [
            ErrorCase(
                name: "segment: one flush fails (EIO)", stage: .sending,
                fault: fault(.fail, EIO, times: 1)),
            ErrorCase(name: "segment: flushes are slow", stage: .sending, fault: slow),
            ErrorCase(
                name: "segment: a flush hangs", stage: .sending, fault: fault(.hang, times: 1)),
            ErrorCase(
                name: "segment: flushes lie", stage: .sending, fault: fault(.lose),
                promise: .nothingWrong),
            ErrorCase(
                name: "segment: flushes lie, and no power cut", stage: .sending,
                fault: fault(.lose),
                cutsPower: false),
        ]
    }

    private static var preparation: [ErrorCase] {
        func fault(_ calls: DiskFault.Calls, _ error: Int32, from: Int, part: String) -> DiskFault {
            DiskFault(calls: calls, action: .fail, error: error, part: part, from: from)
        }
        return [EIO, ENOSPC].flatMap { error in
            [
                ErrorCase(
                    name: "segment: space cannot be reserved (\(self.named(error)))",
                    stage: .rolling,
                    fault: fault(.reserve, error, from: 1, part: self.segment)),
                ErrorCase(
                    name: "segment: zeroes cannot be written (\(self.named(error)))",
                    stage: .rolling,
                    fault: DiskFault(
                        calls: .write, action: .fail, error: error, part: self.segment,
                        start: "ZEROES", from: 1)),
                ErrorCase(
                    name: "segment: the next cannot be made (\(self.named(error)))",
                    stage: .rolling,
                    fault: fault(.create, error, from: 1, part: self.segment)),
                ErrorCase(
                    name: "segment: the directory's flush fails (\(self.named(error)))",
                    stage: .rolling,
                    fault: fault(.flushDirectory, error, from: 1, part: "/commitlog")),
            ]
        } + [
            ErrorCase(
                name: "segment: the next cannot be opened (EMFILE)", stage: .rolling,
                fault: fault(.create, EMFILE, from: 1, part: self.segment)),
            ErrorCase(
                name: "segment: space is reserved only seemingly", stage: .rolling,
                fault: DiskFault(calls: .reserve, action: .lose, part: self.segment)),
        ]
    }

    private static var indexes: [ErrorCase] {
        let failing: [(DiskFault.Calls, String, String)] = [
            (.create, "making the file", self.index), (.write, "write", self.index),
            (.flush, "flush", self.index), (.rename, "rename", self.index),
            (.flushDirectory, "the directory's flush", "/index"),
        ]
        let errors = failing.flatMap { calls, name, part in
            [EIO, ENOSPC].map { error in
                ErrorCase(
                    name: "index: \(name) fails (\(self.named(error)))", stage: .rolling,
                    fault: DiskFault(
                        calls: calls, action: .fail, error: error, part: part, times: 3))
            }
        }
        let actions: [(DiskFault.Action, String)] = [
            (.short, "short writes"), (.lose, "writes are lost"), (.torn, "torn, and death"),
            (.misdirect, "writes go elsewhere"), (.flip, "a bit flips on the way"),
        ]
        return errors
            + actions.map { action, name in
                ErrorCase(
                    name: "index: \(name)", stage: .rolling,
                    fault: DiskFault(calls: .write, action: action, part: self.index))
            } + [
                ErrorCase(
                    name: "index: flushes lie", stage: .rolling,
                    fault: DiskFault(
                        calls: [.flush, .flushDirectory], action: .lose, part: "/index"))
            ]
    }

    private static var starts: [ErrorCase] {
        let calls: [(DiskFault.Calls, String, String)] = [
            (.makeDirectory, "making a directory", ""), (.create, "making a file", ""),
            (.write, "writing the identity", self.identity),
            (.flush, "flushing the identity", self.identity),
            (.rename, "renaming the identity", self.identity),
            (.flushDirectory, "flushing a directory", ""),
        ]
        let first = calls.flatMap { calls, name, part in
            [EIO, ENOSPC].map { error in
                ErrorCase(
                    name: "first start: \(name) fails (\(self.named(error)))", stage: .firstStart,
                    fault: DiskFault(calls: calls, action: .fail, error: error, part: part))
            }
        }
        let later: [(DiskFault.Calls, String)] = [
            (.truncate, "cutting off a torn write"), (.flush, "flushing"), (.reserve, "reserving"),
            (.read, "reading"),
        ]
        return first
            + later.map { calls, name in
                ErrorCase(
                    name: "restart: \(name) fails (EIO)", stage: .restart,
                    fault: DiskFault(calls: calls, action: .fail, error: EIO, part: self.segment))
            } + [
                ErrorCase(
                    name: "restart: a bit flips in what is read", stage: .restart,
                    fault: DiskFault(
                        calls: .read, action: .flip, part: self.segment, from: 2, times: 1)),
                ErrorCase(
                    name: "restart: short reads", stage: .restart,
                    fault: DiskFault(calls: .read, action: .short, part: self.segment)),
            ]
    }

    private static var reads: [ErrorCase] {
        let places = [("segment", self.segment), ("index", self.index)]
        return places.flatMap { name, part in
            [
                ErrorCase(
                    name: "\(name): reads fail (EIO)", stage: .reading,
                    fault: DiskFault(calls: .read, action: .fail, error: EIO, part: part),
                    promise: .nothingInSilence),
                ErrorCase(
                    name: "\(name): a bit flips in what is read", stage: .reading,
                    fault: DiskFault(calls: .read, action: .flip, part: part),
                    promise: .nothingInSilence),
                ErrorCase(
                    name: "\(name): short reads", stage: .reading,
                    fault: DiskFault(calls: .read, action: .short, part: part)),
            ]
        }
    }
}
