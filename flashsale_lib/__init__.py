from .demand import Demand
from .drop import simulate
from .outcome import Outcome
from .parameters import ParameterError
from .scenario import Buyers, Design, PaymentGateway
from .usl import usl_peak, usl_response_time, usl_throughput
