import Glibc
import MetricsFormat

/// What the kernel knows of this process, under the names that every exporter uses.
enum ProcessFigures {
    static func page() -> MetricPage {
        var page = MetricPage()
        page.gauge(
            "process_resident_memory_bytes", "Memory that the process has in use.",
            MetricSample(Self.residentBytes))
        page.counter(
            "process_cpu_seconds_total", "Processor time of the process, user and system.",
            MetricSample(.number(Self.processorSeconds)))
        page.gauge(
            "process_open_fds", "File descriptors that are open.", MetricSample(Self.openFiles))
        page.gauge(
            "process_max_fds", "File descriptors that may be open.", MetricSample(Self.openFilesMax)
        )
        page.gauge(
            "process_start_time_seconds", "When the process started, in seconds since 1970.",
            MetricSample(.number(Self.startTime)))
        return page
    }

    private static var residentBytes: Int {
        let fields = Self.read("/proc/self/statm").split(separator: " ")
        let pages = fields.count > 1 ? Int(fields[1]) ?? 0 : 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
        }
    }

    private static var openFiles: Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(0, count - 3)  // itself, and the two names of directories
    }

    private static var openFilesMax: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    /// The kernel counts it in ticks since the machine started.
    private static var startTime: Double {
        let stat = Self.read("/proc/self/stat")
        let behindName = stat.lastIndex(of: ")").map { stat[stat.index(after: $0)...] } ?? ""
        let fields = behindName.split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return 0 }
        let boot = Self.read("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        let booted = boot.flatMap { Double($0.dropFirst(6)) } ?? 0
        return booted + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
