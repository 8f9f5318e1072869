import NIOHTTP1

/// What a request is for.
enum MonitorRoute: Hashable, Sendable {
    case page(MonitorPage)
    case notFound
    case methodNotAllowed

    init(_ method: HTTPMethod, _ uri: String) {
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        guard let page = MonitorPage(rawValue: String(path)) else {
            self = .notFound
            return
        }
        self = method == .GET || method == .HEAD ? .page(page) : .methodNotAllowed
    }
}

enum MonitorPage: String, Hashable, Sendable, CaseIterable {
    case health = "/healthz"
    case readiness = "/readyz"
    case metrics = "/metrics"

    /// Loops that carry messages turn many times in this.
    var patience: Duration {
        switch self {
        case .health, .readiness: .seconds(2)
        case .metrics: .seconds(8)
        }
    }
}
